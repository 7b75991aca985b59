-- The request is looked at in the next round.
update vault.rights_request set next_try_at = now()
where controller_id = $1 and request_id = $2 and state not in ('complete', 'refused');
