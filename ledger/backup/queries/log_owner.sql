-- Which controller has this generation of a log, whatever its name.
select c.name
from control.log as l
inner join control.controller as c on c.id = l.controller_id
where l.log_id = $1 and l.generation = $2;
