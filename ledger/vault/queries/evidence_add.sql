-- Stores evidence; the same commitment twice is once.
insert into vault.evidence (controller_id, commitment, subject_id, sealed, taken_ms)
select $1, t.commitment, t.subject_id, t.sealed, t.taken_ms
from unnest($2::bytea [], $3::uuid [], $4::bytea [], $5::bigint [])
    as t (commitment, subject_id, sealed, taken_ms)
order by t.commitment
on conflict do nothing;
