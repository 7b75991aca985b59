-- Makes the caller's backend the owner of these partitions, whoever had them; rows are locked in key order.
with held as (
    select p.log_id, p.generation, p.lane, p.partition, p.owner
    from position as p
    inner join
        unnest($3::uuid [], $4::integer [], $5::smallint [], $6::integer [])
        as asked (log_id, generation, lane, partition)
        using (log_id, generation, lane, partition)
    order by p.log_id, p.generation, p.lane, p.partition
    for update of p
)

update position as p
set
    owner = $1,
    owner_name = $2,
    owner_pid = pg_backend_pid(),
    owner_backend_start = (
        select a.backend_start
        from pg_stat_activity as a
        where a.pid = pg_backend_pid()
    ),
    claims = p.claims + 1
from held as h
where
    p.log_id = h.log_id
    and p.generation = h.generation
    and p.lane = h.lane
    and p.partition = h.partition
returning
    p.log_id, p.generation, p.lane, p.partition, p.genesis_id, p.next_offset, p.last_digest, p.stamp_ms,
    p.clock_floor_ms, p.crash_offset, p.crash_count, p.refused, h.owner as previous_owner;
