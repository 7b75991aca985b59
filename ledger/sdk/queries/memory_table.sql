-- A holder's orders. received: the order's record until it is answered. is_final: nothing is left to be done for it.
create table if not exists erasure_order (
    order_id blob primary key,
    attempt integer not null,
    received blob,
    tries integer not null default 0,
    next_try_at real not null default 0,
    acknowledgement blob,
    is_final integer not null default 0,
    is_sent integer not null default 0
);
