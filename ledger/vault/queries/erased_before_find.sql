-- Since when erased people are erased.
select digest, erased_before_ms from suppression.erased_before
where controller_id = $1 and pepper_epoch = $2 and digest = any($3::uuid []);
