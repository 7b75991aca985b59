-- A request whose block, or whose destruction, is on the log and not in the vault goes on from the block; a subject that
-- the row does not name joins it. Nothing for a subject that is destroyed, or a part that was carried out.
with known as (
    select
        r.state,
        $4 and exists (
            select 1 from vault.subject as s
            where s.controller_id = $1 and s.subject_id = $3 and s.state = 'destroyed'
        ) as is_destroyed
    from vault.rights_request as r
    where r.controller_id = $1 and r.request_id = $2
    for update
)

update vault.rights_request as r
set
    state = 'blocked',
    identity = 'proven',
    is_whole = $4,
    erased_categories = $5,
    held = case when $6::jsonb = '[]'::jsonb then r.held else $6::jsonb end,
    resumes_ms = coalesce($7::bigint, r.resumes_ms),
    waits_for = null,
    next_try_at = now(),
    subject_ids = (
        select array_agg(distinct member order by member)
        from unnest(r.subject_ids || $3::uuid) as t (member)
    )
from known
where
    r.controller_id = $1
    and r.request_id = $2
    and not known.is_destroyed
    and (
        known.state in ('requested', 'identified', 'assessed')
        or ($4 and known.state in ('destroyed', 'ordered', 'complete'))
        or (known.state in ('blocked', 'settled') and not $3::uuid = any(r.subject_ids))
    )
returning true;
