-- What these subjects are called, still sealed, with the wrapped keys that open it.
select
    d.blind_index, d.subject_id, d.identifier_type, d.normaliser, d.sealed_identifier, s.wrapped_key
from vault.directory as d
inner join vault.subject as s using (controller_id, subject_id)
where d.controller_id = $1 and d.subject_id = any($2::uuid []) and s.wrapped_key is not null
order by d.subject_id, d.identifier_type, d.blind_index;
