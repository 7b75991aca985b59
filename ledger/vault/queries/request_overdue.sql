-- Marks the requests that are late: their own day has passed, or a holder's, whose name is then given.
with late as (
    select
        r.controller_id,
        r.request_id,
        (
            select min(o.holder) from vault.erasure_order as o
            where
                o.controller_id = r.controller_id
                and o.request_id = r.request_id
                and o.due_ms < $1
                and o.verification < o.required_verification
        ) as holder
    from vault.rights_request as r
    where
        r.state not in ('complete', 'refused')
        and not r.overdue
        and (
            r.due_ms < $1
            or exists (
                select 1 from vault.erasure_order as o
                where
                    o.controller_id = r.controller_id
                    and o.request_id = r.request_id
                    and o.due_ms < $1
                    and o.verification < o.required_verification
            )
        )
)

update vault.rights_request as r set overdue = true
from late
where r.controller_id = late.controller_id and r.request_id = late.request_id
returning r.controller_id, r.request_id, r.subject_ids, late.holder;
