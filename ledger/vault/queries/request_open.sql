-- A new rights request, or the one that has this id already. A held row is written back as it was: that waits for a
-- concurrent opening to commit, and then reads what it wrote.
insert into vault.rights_request as held (
    controller_id, request_id, kind, state, identity, source, content_mac, subject_ids, categories, stated_holds,
    received_ms, due_ms, caused_by
)
values ($1, $2, 'erasure', 'requested', $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11)
on conflict (controller_id, request_id) do update set kind = held.kind
returning content_mac, xmax = 0 as fresh, cardinality(subject_ids) = 0 as is_forgotten;
