-- Keeps the noes of somebody who is being erased; of one no the greatest rank stays.
insert into suppression.suppression as kept (
    controller_id, pepper_epoch, digest,
    no_key, purpose, purpose_group, channel, recipient, item, category, rank_ms, rank_seq
)
select $1, $2, $3, n.*
from unnest(
    $4::uuid [], $5::text [], $6::text [], $7::text [], $8::text [], $9::text [], $10::text [],
    $11::bigint [], $12::bigint []
) as n (no_key, purpose, purpose_group, channel, recipient, item, category, rank_ms, rank_seq)
on conflict (controller_id, pepper_epoch, digest, no_key) do update
set rank_ms = excluded.rank_ms, rank_seq = excluded.rank_seq
where (kept.rank_ms, kept.rank_seq) < (excluded.rank_ms, excluded.rank_seq);
