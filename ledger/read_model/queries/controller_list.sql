-- Every controller with the newest generation of its log; the log's columns are null while there is none.
select
    c.id,
    c.name,
    c.size,
    l.log_id,
    l.generation,
    l.partitions,
    l.state,
    exists (
        select from control.log_copy as copied
        where copied.log_id = l.log_id and copied.generation = l.generation
    ) as is_copy
from control.controller as c
left join lateral (
    select
        newest.log_id,
        newest.generation,
        newest.partitions,
        newest.state
    from control.log as newest
    where newest.controller_id = c.id
    order by newest.generation desc
    limit 1
) as l on true
order by c.name;
