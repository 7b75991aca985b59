-- A controller's log that is being copied here, with the id and generation it had. Known already: being copied again.
insert into control.log (log_id, generation, controller_id, partitions, partitioner, state)
select $1, $2, c.id, $4, $5, 'copying'
from control.controller as c
where c.name = $3
on conflict (log_id, generation) do update set state = 'copying';
