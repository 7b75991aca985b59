-- Up to which offset a partition keeps the times of its origin.
insert into control.log_copy (log_id, generation, lane, partition, next_offset)
values ($1, $2, $3, $4, $5)
on conflict (log_id, generation, lane, partition)
do update set next_offset = excluded.next_offset, copied_at = now();
