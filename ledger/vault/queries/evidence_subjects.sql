-- The subjects that evidence is about, their rows locked until the transaction ends: nobody is blocked or destroyed
-- while it is stored. In order of subject id, so that whoever locks several waits in one direction only.
select subject_id, state, wrapped_key
from vault.subject
where controller_id = $1 and subject_id = any($2::uuid [])
order by subject_id
for share;
