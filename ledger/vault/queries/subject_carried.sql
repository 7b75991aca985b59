-- What was kept about the names of this subject stands on the log: $3 names, or another has come since.
update vault.subject s set carry_pending = false
where
    s.controller_id = $1 and s.subject_id = $2
    and $3 = (select count(*) from vault.directory d where d.controller_id = $1 and d.subject_id = $2)
returning true;
