-- The ends of both lanes that were read after the waits of a request; the first reading stays.
update vault.rights_request set ends = $3::jsonb
where controller_id = $1 and request_id = $2 and ends is null;
