-- Subjects that bear the name of somebody who was erased before: nobody gets these ids until that is on the log.
update vault.subject set carry_pending = true
where controller_id = $1 and subject_id = any($2::uuid []);
