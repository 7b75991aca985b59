-- The newest generation of a controller's log.
select
    log_id,
    generation,
    partitions
from control.log
where controller_id = $1
order by generation desc
limit 1;
