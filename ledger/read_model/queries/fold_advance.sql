-- Moves the positions of a batch by compare-and-set; its first statement. Rows are locked in key order, so that two
-- workers that disagree about who owns what never deadlock. Returns the positions that moved.
with asked as (
    select *
    from
        unnest(
            $1::uuid [], $2::integer [], $3::smallint [], $4::integer [], $5::uuid [],
            $6::bigint [], $7::bigint [], $8::bytea [], $9::bigint [], $10::bigint []
        ) as given (
            log_id, generation, lane, partition, owner,
            old_offset, next_offset, last_digest, stamp_ms, clock_floor_ms
        )
),

held as (
    select p.log_id, p.generation, p.lane, p.partition
    from position as p
    inner join asked as a using (log_id, generation, lane, partition)
    where p.next_offset = a.old_offset and p.owner = a.owner
    order by p.log_id, p.generation, p.lane, p.partition
    for update of p
)

update position as p
set
    next_offset = a.next_offset,
    last_digest = a.last_digest,
    stamp_ms = a.stamp_ms,
    clock_floor_ms = a.clock_floor_ms
from held as h
inner join asked as a using (log_id, generation, lane, partition)
where
    p.log_id = h.log_id
    and p.generation = h.generation
    and p.lane = h.lane
    and p.partition = h.partition
returning p.log_id, p.generation, p.lane, p.partition;
