-- Orders whose day has passed at $1 (ms) without an answer as good as the catalogue demands, each once.
with late as materialized (
    select
        controller_id,
        order_id
    from vault.erasure_order
    where
        not overdue
        and (
            state in ('pending', 'refused')
            or (state = 'sent' and required_verification > 0)
            or verification < required_verification
        )
        and due_ms <= $1
    order by due_ms
    limit $2
    for update skip locked
)
update vault.erasure_order as o
set overdue = true
from late, vault.rights_request as r
where
    o.controller_id = late.controller_id and o.order_id = late.order_id
    and r.controller_id = o.controller_id and r.request_id = o.request_id
returning o.controller_id, o.order_id, o.request_id, o.holder, o.state, o.due_ms, r.subject_ids;
