-- What a holder answered. Whom the order was about is forgotten with it if nothing more is required; until then the
-- order may be given anew.
update vault.erasure_order
set
    state = $3::text,
    answered_ms = $4::bigint,
    outcome = $5,
    detail = $6,
    found = $7,
    records_left = $8,
    evidence_digest = $9,
    acknowledgement_digest = $10,
    verification = $11::smallint,
    contents = case when $11::smallint < required_verification or $3::text = 'refused' then contents end,
    next_send_at = to_timestamp($4::bigint / 1000.0)
where controller_id = $1 and order_id = $2;
