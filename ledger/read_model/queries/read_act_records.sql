-- Where the counted events of one act of a subject stand in the log.
select
    event_id,
    partition,
    "offset",
    broker_ms
from history
where controller_id = $1 and subject_id = $2 and act_id = $3 and outcome = 'counted'
order by "offset";
