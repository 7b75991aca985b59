-- A refused order that is given again: it waits to be sent, and its answer will count.
update vault.erasure_order
set
    state = 'pending',
    outcome = null,
    detail = null,
    found = null,
    records_left = null,
    evidence_digest = null,
    acknowledgement_digest = null,
    answered_ms = null,
    next_send_at = to_timestamp($3::bigint / 1000.0)
where controller_id = $1 and order_id = $2 and state = 'refused';
