-- Which of these digests stand for somebody who was erased, with or without a no.
select d.digest
from unnest($3::uuid []) as d (digest)
where
    exists (
        select from suppression.suppression s
        where s.controller_id = $1 and s.pepper_epoch = $2 and s.digest = d.digest
    )
    or exists (
        select from suppression.erased_before e
        where e.controller_id = $1 and e.pepper_epoch = $2 and e.digest = d.digest
    );
