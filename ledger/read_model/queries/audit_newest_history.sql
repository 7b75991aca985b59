-- The newest records of a subject, newest first, and how many there are in all.
select
    count(*) over () as total,
    generation,
    lane,
    partition,
    "offset",
    broker_ms,
    stamp_ms,
    clock_floor_ms,
    outcome,
    body
from history
where controller_id = $1 and subject_id = $2
order by stamp_ms desc, generation desc, lane desc, partition desc, "offset" desc
limit $3;
