-- Where a record of a controller's newest log stands: the log, and how many partitions it has.
select
    c.id as controller_id,
    l.log_id,
    l.generation,
    l.partitions
from control.controller as c
inner join control.log as l on l.controller_id = c.id
where c.name = $1
order by l.generation desc
limit 1;
