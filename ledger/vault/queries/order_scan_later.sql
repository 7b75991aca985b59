-- A topic in which values are left, or that could not be read ($3 says so): it is scanned again.
update vault.erasure_order
set
    detail = $3,
    next_send_at = to_timestamp($4::bigint / 1000.0) + make_interval(secs => $5)
where controller_id = $1 and order_id = $2 and state in ('sent', 'acknowledged');
