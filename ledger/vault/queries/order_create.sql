-- An order of a request to a holder; the same order again is the one that stands.
insert into vault.erasure_order (
    controller_id, order_id, request_id, holder, method, categories, required_verification, topic, contents,
    issued_ms, due_ms, next_send_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint, $11, to_timestamp($10::bigint / 1000.0))
on conflict do nothing;
