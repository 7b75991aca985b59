-- One page of a subject's records in the order of the log's own time, after the place given ($3..$7, null: from the
-- beginning).
select
    generation,
    lane,
    partition,
    "offset",
    event_id,
    act_id,
    event_type,
    broker_ms,
    stamp_ms,
    effective_from_ms,
    outcome,
    body
from history
where
    controller_id = $1
    and subject_id = $2
    and (
        $3::bigint is null
        or (stamp_ms, generation, lane, partition, "offset") > ($3, $4::integer, $5::smallint, $6::integer, $7::bigint)
    )
order by stamp_ms, generation, lane, partition, "offset"
limit $8;
