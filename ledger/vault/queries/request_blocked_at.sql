-- When the block of a request was on the log; the first time stays.
update vault.rights_request set blocked_ms = $3
where controller_id = $1 and request_id = $2 and blocked_ms is null;
