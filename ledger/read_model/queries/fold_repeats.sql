-- The content of the first counted record of each event id asked for, in one lane, in this and earlier generations.
-- Each subject's history is read once, however many of the events are that subject's.
select distinct on (h.subject_id, h.event_id)
    h.subject_id,
    h.event_id,
    h.content_digest
from unnest($2::uuid []) as asked (subject_id)
inner join history as h on h.controller_id = $1 and h.subject_id = asked.subject_id
where
    h.event_id = any($3::uuid [])
    and h.lane = $4
    and h.generation <= $5
    and h.outcome = 'counted'
order by h.subject_id, h.event_id, h.generation, h.partition, h."offset";
