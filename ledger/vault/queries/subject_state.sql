-- The state of subjects named by their id.
select subject_id, state from vault.subject where controller_id = $1 and subject_id = any($2::uuid[]);
