-- Partitions in which the fold's own progress differs between the live read model (l) and the rebuilt one (r): how
-- far, the digest of the last record, the stamp. Who owns a partition is no part of what a replay can rebuild.
with l as (
    select controller_id, log_id, generation, lane, partition, genesis_id, next_offset, last_digest, stamp_ms, clock_floor_ms
    from live_position
), r as (
    select controller_id, log_id, generation, lane, partition, genesis_id, next_offset, last_digest, stamp_ms, clock_floor_ms
    from position
)
select count(*) over () as total, to_jsonb(l) as live, to_jsonb(r) as rebuilt
from l
full join r using (controller_id, log_id, generation, lane, partition)
where l is distinct from r
order by controller_id, log_id, generation, lane, partition
limit $1;
