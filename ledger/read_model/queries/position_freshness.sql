-- Broker time up to which partitions are known to be folded: only by their owner, only forwards, and only where the
-- position has reached the end that was read after that broker time.
with asked as (
    select *
    from
        unnest(
            $1::uuid [], $2::integer [], $3::smallint [], $4::integer [], $5::uuid [], $6::bigint [], $7::bigint []
        ) as given (log_id, generation, lane, partition, owner, end_offset, through_ms)
),

held as (
    select p.log_id, p.generation, p.lane, p.partition, a.through_ms
    from position as p
    inner join asked as a using (log_id, generation, lane, partition)
    where p.owner = a.owner and p.next_offset >= a.end_offset and p.folded_through_ms < a.through_ms
    order by p.log_id, p.generation, p.lane, p.partition
    for update of p
)

update position as p
set folded_through_ms = h.through_ms
from held as h
where
    p.log_id = h.log_id
    and p.generation = h.generation
    and p.lane = h.lane
    and p.partition = h.partition;
