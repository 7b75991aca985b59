-- Takes at most $3 orders that are due at $1 (ms), for $2 seconds: whoever dies over them leaves them to the next.
-- The attempt is counted before the sending, so that an answer to an order that was never given is known by it.
with due as materialized (
    select
        controller_id,
        order_id
    from vault.erasure_order
    where
        state in ('pending', 'sent')
        and next_send_at <= to_timestamp($1::bigint / 1000.0)
        -- What the ledger does itself needs no second order, the scan goes on with it; nor does one of which the
        -- catalogue demands no more than that it was sent.
        and not (state = 'sent' and (method = 'tombstone' or required_verification = 0))
    order by next_send_at
    limit $3
    for update skip locked
)
update vault.erasure_order as o
set
    attempts = o.attempts + 1,
    next_send_at = to_timestamp($1::bigint / 1000.0) + make_interval(secs => $2)
from due
where o.controller_id = due.controller_id and o.order_id = due.order_id
returning
    o.controller_id, o.order_id, o.request_id, o.holder, o.method, o.categories, o.topic, o.contents, o.attempts,
    o.counts_from, o.issued_ms, o.due_ms;
