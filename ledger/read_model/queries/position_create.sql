-- The row of a partition seen for the first time: folding starts behind its genesis record. Looks before it inserts,
-- since an insert that meets a row in a frozen owner's transaction waits for it, whatever is to be done on conflict.
insert into position (
    log_id, generation, lane, partition, controller_id, topic, genesis_id, next_offset, last_digest, stamp_ms,
    clock_floor_ms
)
select $1, $2, $3, $4, $5, $6, $7, 1, $8, $9, 0
where not exists (
    select 1
    from position as p
    where p.log_id = $1 and p.generation = $2 and p.lane = $3 and p.partition = $4
)
on conflict (log_id, generation, lane, partition) do nothing;
