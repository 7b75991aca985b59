-- How far every partition is folded, whether its owner's backend is there, and since when it is fresh.
select
    c.name as controller,
    p.lane,
    p.partition,
    p.topic,
    p.next_offset,
    p.folded_through_ms,
    p.refused,
    p.owner is not null
    and exists(
        select 1
        from pg_stat_activity as a
        where a.pid = p.owner_pid and a.backend_start = p.owner_backend_start
    ) as is_owned
from read_model.position as p
inner join control.controller as c on c.id = p.controller_id
inner join lateral (
    select max(l.generation) as generation
    from control.log as l
    where l.controller_id = p.controller_id
) as newest on newest.generation = p.generation
order by c.name, p.lane, p.partition;
