-- Quarantine entries of the newest generation of a controller's log (of all controllers, $1 null), oldest first;
-- with their state ($2, null for any). At most $3.
select
    count(*) over () as total,
    c.name as controller,
    q.lane,
    q.partition,
    q."offset",
    q.subject_id is not null as has_subject,
    q.reason,
    q.broker_ms,
    q.state
from control.controller as c
inner join lateral (
    select max(l.generation) as generation
    from control.log as l
    where l.controller_id = c.id
) as newest on true
inner join quarantine as q on q.controller_id = c.id and q.generation = newest.generation
where
    ($1::text is null or c.name = $1)
    and ($2::text is null or q.state = $2)
order by q.broker_ms, c.name, q.lane, q.partition, q."offset"
limit $3;
