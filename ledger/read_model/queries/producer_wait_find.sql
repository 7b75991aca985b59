-- The longest that any producer was ever allowed to rely on an id and to try an append.
select
    cache_seconds,
    append_seconds
from control.producer_wait;
