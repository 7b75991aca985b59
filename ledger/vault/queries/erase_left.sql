-- How many rows of the vault still tell anything of these subjects.
select
    (select count(*) from vault.directory where controller_id = $1 and subject_id = any($2::uuid []))
    + (select count(*) from vault.evidence where controller_id = $1 and subject_id = any($2::uuid []))
    + (select count(*) from vault.intake_key where controller_id = $1 and subject_id = any($2::uuid []))
    + (select count(*) from vault.subject where controller_id = $1 and subject_id = any($2::uuid []) and state <> 'destroyed');
