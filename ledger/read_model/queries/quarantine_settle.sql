-- How an entry stands after a resolution: ended by it, or still open with one admission more that came to nothing.
update quarantine
set
    state = $6,
    reason = $7,
    event_id = $8,
    resolved_by = $9,
    resolved_generation = $10,
    resolved_lane = $11,
    resolved_partition = $12,
    resolved_offset = $13,
    refused_admissions = $14
where
    controller_id = $1
    and generation = $2
    and lane = $3
    and partition = $4
    and "offset" = $5;
