-- Whether a log with this id and generation is the named controller's, and its number of partitions.
select
    c.id as controller_id,
    l.partitions
from control.log as l
inner join control.controller as c on c.id = l.controller_id
where l.log_id = $1 and l.generation = $2 and c.name = $3;
