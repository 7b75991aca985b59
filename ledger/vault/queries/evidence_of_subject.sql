-- The evidence of one subject, oldest first, still sealed, with the wrapped key that opens it.
select e.commitment, e.sealed, e.taken_ms, s.wrapped_key
from vault.evidence e
join vault.subject s using (controller_id, subject_id)
where e.controller_id = $1 and e.subject_id = $2 and s.wrapped_key is not null
order by e.taken_ms, e.commitment;
