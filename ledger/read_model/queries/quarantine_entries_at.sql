-- The quarantine entries at given coordinates of one controller's log.
select
    q.generation,
    q.lane,
    q.partition,
    q."offset",
    q.subject_id,
    q.reason,
    q.event_id,
    q.broker_ms,
    q.stamp_ms,
    q.clock_floor_ms,
    q.record_digest,
    q.state,
    q.refused_admissions
from
    unnest($2::integer [], $3::smallint [], $4::integer [], $5::bigint [])
    as asked (generation, lane, partition, "offset")
inner join quarantine as q
    on
        q.controller_id = $1
        and q.generation = asked.generation
        and q.lane = asked.lane
        and q.partition = asked.partition
        and q."offset" = asked."offset";
