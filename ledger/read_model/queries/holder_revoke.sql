-- Takes a holder's keys out of use: its acknowledgements are refused from now on.
update control.holder
set revoked_at = now()
where controller_id = $1 and name = $2 and revoked_at is null
returning signing_key;
