-- What a request waits for, and when it is looked at again.
update vault.rights_request
set waits_for = $3, next_try_at = now() + make_interval(secs => $4)
where controller_id = $1 and request_id = $2;
