-- Lets go of everything that this owner still has, so that the next one need not wait.
with held as (
    select p.log_id, p.generation, p.lane, p.partition
    from position as p
    where p.owner = any($1::uuid [])
    order by p.log_id, p.generation, p.lane, p.partition
    for update of p
)

update position as p
set owner = null, owner_name = null, owner_pid = null, owner_backend_start = null
from held as h
where
    p.log_id = h.log_id
    and p.generation = h.generation
    and p.lane = h.lane
    and p.partition = h.partition;
