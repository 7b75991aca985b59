-- The link between two subjects, if it was made between these very two.
select link_id from vault.subject_link
where controller_id = $1 and subject_id = $2 and other_subject_id = $3;
