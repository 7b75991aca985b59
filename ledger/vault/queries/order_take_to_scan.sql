-- Takes at most $3 orders whose topic is to be scanned at $1 (ms), for $2 seconds.
with due as materialized (
    select
        controller_id,
        order_id
    from vault.erasure_order
    where
        ((state = 'sent' and method = 'tombstone') or (state = 'acknowledged' and required_verification >= 3))
        and next_send_at <= to_timestamp($1::bigint / 1000.0)
    order by next_send_at
    limit $3
    for update skip locked
)
update vault.erasure_order as o
set next_send_at = to_timestamp($1::bigint / 1000.0) + make_interval(secs => $2)
from due, vault.rights_request as r
where
    o.controller_id = due.controller_id and o.order_id = due.order_id
    and r.controller_id = o.controller_id and r.request_id = o.request_id
returning
    o.controller_id, o.order_id, o.request_id, o.holder, o.method, o.topic, o.categories, o.issued_ms,
    coalesce(o.answered_ms, o.sent_ms) as since_ms, r.subject_ids;
