-- The request that erases what an earlier one had to leave. Of the same categories, or of everything, as was asked; or,
-- when the person has come back to the same id since ($6), of what was held alone, and only once somebody has looked.
-- Holds count from where they counted before: from the resumption, one that always applies would never end.
insert into vault.rights_request (
    controller_id, request_id, kind, state, identity, source, content_mac, subject_ids, categories, received_ms,
    due_ms, caused_by, stated_holds, holds_since_ms
)
select
    r.controller_id, $3, r.kind, 'requested', case when $6 then 'unproven' else 'proven' end, 'ledger', r.content_mac,
    r.subject_ids,
    case when $6 then $7::text [] else r.categories end,
    $4, $5, r.request_id, r.stated_holds, coalesce(r.holds_since_ms, r.received_ms)
from vault.rights_request as r
where r.controller_id = $1 and r.request_id = $2
on conflict (controller_id, request_id) do nothing
returning subject_ids, categories, stated_holds::text as stated_holds;
