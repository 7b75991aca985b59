-- An order that could not be sent, and why: it is tried again $5 seconds after $4 (ms). An attempt that told nobody
-- anything ($6) does not count.
update vault.erasure_order
set
    detail = $3,
    attempts = attempts - case when $6 then 1 else 0 end,
    next_send_at = to_timestamp($4::bigint / 1000.0) + make_interval(secs => $5)
where controller_id = $1 and order_id = $2 and state in ('pending', 'sent');
