-- The acknowledgement in place of the order, yet to be sent.
insert into erasure_order (order_id, attempt, acknowledgement, is_final)
values (?, ?, ?, ?)
on conflict (order_id) do update
set
    attempt = excluded.attempt,
    received = null,
    acknowledgement = excluded.acknowledgement,
    is_final = excluded.is_final,
    is_sent = 0;
