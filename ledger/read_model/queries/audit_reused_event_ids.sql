-- Event ids that count more than once for one subject in one lane: a producer said of a repeat that it was none.
-- With one content digest it did no harm; with several, another act took effect under an id already used. At most $1.
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
from history
where outcome = 'counted' and event_id is not null and subject_id is not null
group by controller_id, lane, subject_id, event_id
having count(*) > 1
order by controller_id, lane, subject_id, event_id
limit $1;
