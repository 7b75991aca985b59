-- The row of history of a record that was in doubt, as it would have been had it counted at once.
update history
set
    event_id = $6,
    act_id = $7,
    event_type = $8,
    schema_fp = $9,
    rank_ms = $10,
    rank_seq = $11,
    effective_from_ms = $12,
    outcome = $13,
    content_digest = $14,
    body = $15
where
    controller_id = $1
    and generation = $2
    and lane = $3
    and partition = $4
    and "offset" = $5;
