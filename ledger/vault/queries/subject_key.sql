-- The wrapped key of a subject; null once it is destroyed.
select wrapped_key from vault.subject where controller_id = $1 and subject_id = $2;
