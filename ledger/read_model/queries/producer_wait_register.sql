-- Makes the ledger wait at least as long as this producer relies on an id and tries an append; answers the longest.
insert into control.producer_wait as known (one, cache_seconds, append_seconds)
values (true, $1, $2)
on conflict (one) do update set
    cache_seconds = greatest(known.cache_seconds, excluded.cache_seconds),
    append_seconds = greatest(known.append_seconds, excluded.append_seconds)
returning cache_seconds, append_seconds;
