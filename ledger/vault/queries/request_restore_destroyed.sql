-- A request that is carried out again goes on from there.
update vault.rights_request
set state = 'destroyed', identity = 'proven', waits_for = null, subject_ids = $3
where controller_id = $1 and request_id = $2 and state not in ('destroyed', 'ordered', 'complete');
