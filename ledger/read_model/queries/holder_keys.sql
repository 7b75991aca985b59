-- A holder's keys in use.
select
    sealing_key,
    signing_key
from control.holder
where controller_id = $1 and name = $2 and revoked_at is null;
