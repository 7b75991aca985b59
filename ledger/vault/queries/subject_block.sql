-- Blocks the active ones of these subjects, whose rows the transaction has locked.
update vault.subject set state = 'blocked'
where controller_id = $1 and subject_id = any($2::uuid []) and state = 'active';
