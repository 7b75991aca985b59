-- The fold must have passed this offset of the subject's live partition before the subject is destroyed.
update vault.subject
set late_next_offset = greatest(coalesce(late_next_offset, 0), $3)
where controller_id = $1 and subject_id = $2;
