-- The requests of a controller, newest first.
select request_id from vault.rights_request
where
    controller_id = $1
    and ($2::text is null or state = $2)
    and ($3::boolean is null or overdue = $3)
    and ($4::bigint is null or (received_ms, request_id) < ($4, $5::uuid))
order by received_ms desc, request_id desc
limit $6;
