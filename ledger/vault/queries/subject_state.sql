-- The state of subjects named by their id.
select subject_id, state, carry_pending
from vault.subject
where controller_id = $1 and subject_id = any($2::uuid[]);
