-- A request that was refused before the vault was restored; what was held resumes on its date.
update vault.rights_request
set state = 'refused', refusal = $3, waits_for = null, resumes_ms = case when $3 = 'held' then $4::bigint end
where controller_id = $1 and request_id = $2 and state in ('requested', 'identified', 'assessed');
