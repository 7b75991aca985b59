-- The first generation of a controller's log, unless the controller has a log.
insert into control.log (log_id, generation, controller_id, partitions, partitioner, state)
select $1, 1, c.id, $3, $4, 'new'
from control.controller as c
where c.id = $2 and not exists (select from control.log as l where l.controller_id = c.id);
