-- The request is refused, for this reason.
update vault.rights_request set state = 'refused', refusal = $3, completed_ms = $4, resumes_ms = null, waits_for = null
where controller_id = $1 and request_id = $2;
