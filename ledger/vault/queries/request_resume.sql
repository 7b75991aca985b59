-- The request that erases what an earlier one had to leave: of the same categories, or of everything, as was asked.
insert into vault.rights_request (
    controller_id, request_id, kind, state, identity, source, content_mac, subject_ids, categories, received_ms,
    due_ms, caused_by, stated_holds
)
select
    r.controller_id, $3, r.kind, 'requested', 'proven', 'ledger', r.content_mac, r.subject_ids, r.categories, $4,
    $5, r.request_id,
    -- Since when each hold applied: counted from the resumption, one that always applies would never end.
    (
        select coalesce(jsonb_object_agg(one ->> 'hold', r.received_ms), '{}'::jsonb)
        from jsonb_array_elements(r.held) as t (one)
    ) || r.stated_holds
from vault.rights_request as r
where r.controller_id = $1 and r.request_id = $2
on conflict (controller_id, request_id) do nothing
returning subject_ids, categories;
