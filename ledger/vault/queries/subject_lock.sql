-- The state of subjects, their rows locked until the transaction ends. In order of subject id, so that whoever locks
-- several waits in one direction only.
select subject_id, state
from vault.subject
where controller_id = $1 and subject_id = any($2::uuid [])
order by subject_id
for update;
