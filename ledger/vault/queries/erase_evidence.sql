-- The evidence of these subjects' acts.
delete from vault.evidence where controller_id = $1 and subject_id = any($2::uuid []);
