-- A subject's state, its row locked until the transaction ends: an erasure that comes meanwhile waits.
select state
from vault.subject
where controller_id = $1 and subject_id = $2
for update;
