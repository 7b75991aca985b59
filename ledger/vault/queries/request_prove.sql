-- The asker has proved to be the person.
update vault.rights_request set identity = 'proven', next_try_at = now()
where controller_id = $1 and request_id = $2 and identity = 'unproven';
