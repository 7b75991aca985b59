-- An order whose answer did not do and that is given again: it waits to be sent, and a new answer will count. The old
-- one does not, whoever sends it again, and the holder is told that it must act.
update vault.erasure_order
set
    state = 'pending',
    verification = 0,
    counts_from = attempts + 1,
    outcome = null,
    detail = null,
    found = null,
    records_left = null,
    evidence_digest = null,
    refused_digests = case
        when acknowledgement_digest is null then refused_digests
        else array_append(refused_digests, acknowledgement_digest)
    end,
    acknowledgement_digest = null,
    answered_ms = null,
    next_send_at = to_timestamp($3::bigint / 1000.0)
where controller_id = $1 and order_id = $2 and state in ('refused', 'acknowledged');
