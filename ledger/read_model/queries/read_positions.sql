-- How far partitions are folded, for those who wait for one to be reached.
select
    p.log_id,
    p.generation,
    p.lane,
    p.partition,
    p.next_offset
from
    unnest($1::uuid [], $2::integer [], $3::smallint [], $4::integer [])
    as asked (log_id, generation, lane, partition)
inner join position as p using (log_id, generation, lane, partition);
