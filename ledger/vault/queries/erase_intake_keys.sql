-- The idempotency keys of these subjects' acts.
delete from vault.intake_key where controller_id = $1 and subject_id = any($2::uuid []);
