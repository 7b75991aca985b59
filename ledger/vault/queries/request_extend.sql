-- Two further months to answer.
update vault.rights_request set extended = true, overdue = false, due_ms = $3
where controller_id = $1 and request_id = $2;
