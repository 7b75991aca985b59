-- The content of the first record of an event id that counted by itself before a record in doubt: in its partition,
-- or in an earlier generation of its lane. What came later, or was admitted, has no say: a rebuild folds lanes in
-- another order than the live fold did.
select h.content_digest
from history as h
where
    h.controller_id = $1
    and h.subject_id = $2
    and h.event_id = $3
    and h.lane = $4
    and h.outcome = 'counted'
    and (h.generation < $5 or (h.generation = $5 and h.partition = $6 and h."offset" < $7))
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
order by h.generation, h.partition, h."offset"
limit 1;
