-- The noes that are kept about erased people.
select
    digest, no_key, purpose, purpose_group, channel, recipient, item, category, rank_ms, rank_seq
from suppression.suppression
where controller_id = $1 and pepper_epoch = $2 and digest = any($3::uuid [])
order by digest, no_key;
