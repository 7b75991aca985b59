-- The newest requests about a subject, newest first, at most $3; those of an erased subject too.
select request_id
from rights_request
where controller_id = $1 and subject_ids @> array[$2::uuid]
order by received_ms desc, request_id desc
limit $3;
