-- The orders of a request.
select
    order_id, holder, method, state, attempts, due_ms, sent_ms, answered_ms, outcome, detail, verification,
    required_verification, overdue
from vault.erasure_order
where controller_id = $1 and request_id = $2
order by holder;
