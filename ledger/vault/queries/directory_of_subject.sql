-- What one subject is called, still sealed, with the wrapped key that opens it.
select d.blind_index, d.subject_id, d.identifier_type, d.normaliser, d.sealed_identifier, s.wrapped_key
from vault.directory d
join vault.subject s using (controller_id, subject_id)
where d.controller_id = $1 and d.subject_id = $2 and s.wrapped_key is not null
order by d.identifier_type, d.blind_index;
