-- An order that is still owed, in place of an earlier sending of it and of a refusal, and when it is tried again.
insert into erasure_order (order_id, attempt, received, next_try_at, tries)
values (?, ?, ?, ?, 1)
on conflict (order_id) do update
set
    attempt = excluded.attempt,
    received = excluded.received,
    next_try_at = excluded.next_try_at,
    tries = erasure_order.tries + 1,
    acknowledgement = null,
    is_sent = 0;
