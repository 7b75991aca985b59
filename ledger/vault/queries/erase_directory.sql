-- Nobody finds these subjects by a name any more.
delete from vault.directory where controller_id = $1 and subject_id = any($2::uuid []);
