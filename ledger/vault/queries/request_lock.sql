-- One request, locked until the transaction ends.
select state, subject_ids, received_ms, due_ms, extended from vault.rights_request
where controller_id = $1 and request_id = $2
for update;
