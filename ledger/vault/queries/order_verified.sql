-- A scan found nothing any more. Gives a row if the order was still waiting for it.
update vault.erasure_order
set
    state = 'verified',
    verification = 3,
    answered_ms = coalesce(answered_ms, $3),
    outcome = coalesce(outcome, 'erased'),
    records_left = 0,
    detail = null,
    contents = null
where controller_id = $1 and order_id = $2 and state in ('sent', 'acknowledged')
returning outcome;
