-- Written before the first batch after an owner that ended without letting go: which record may have ended it.
update position
set crash_offset = $6, crash_count = $7
where
    log_id = $1
    and generation = $2
    and lane = $3
    and partition = $4
    and owner = $5;
