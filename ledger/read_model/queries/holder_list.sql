-- A controller's registered holders, revoked keys included.
select
    name,
    sealing_key,
    signing_key,
    registered_at,
    revoked_at
from control.holder
where controller_id = $1
order by name, registered_at;
