-- The row of a partition seen for the first time: folding starts behind its genesis record.
insert into position (
    log_id, generation, lane, partition, controller_id, topic, genesis_id, next_offset, last_digest, stamp_ms,
    clock_floor_ms
)
values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, 0)
on conflict (log_id, generation, lane, partition) do nothing;
