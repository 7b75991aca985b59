-- Event ids that count more than once for one subject in one lane: a producer said of a repeat that it was none.
-- With one content digest it did no harm; with several, another act took effect under an id already used. What an
-- operator admitted from quarantine was decided by somebody and is no finding. At most $1.
select
    count(*) over () as total,
    controller_id,
    lane,
    subject_id,
    event_id,
    count(*) as records,
    count(distinct content_digest) as contents,
    min(stamp_ms) as first_stamp_ms,
    array_agg(partition || '/' || "offset" order by generation, partition, "offset") as places
from history as h
where
    outcome = 'counted'
    and event_id is not null
    and subject_id is not null
    and not exists (
        select 1
        from quarantine as q
        where
            q.controller_id = h.controller_id
            and q.generation = h.generation
            and q.lane = h.lane
            and q.partition = h.partition
            and q."offset" = h."offset"
    )
group by controller_id, lane, subject_id, event_id
having count(*) > 1
order by controller_id, lane, subject_id, event_id
limit $1;
