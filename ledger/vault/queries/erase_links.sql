-- That these subjects were linked, to each other or to anybody.
delete from vault.subject_link
where controller_id = $1 and (subject_id = any($2::uuid []) or other_subject_id = any($2::uuid []));
