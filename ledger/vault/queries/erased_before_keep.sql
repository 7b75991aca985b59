-- Remembers that somebody was erased; the latest date stays.
insert into suppression.erased_before (controller_id, pepper_epoch, digest, erased_before_ms)
values ($1, $2, $3, $4)
on conflict (controller_id, pepper_epoch, digest) do update
set erased_before_ms = greatest(suppression.erased_before.erased_before_ms, excluded.erased_before_ms);
