-- A request that the log knows and the vault does not. Its content is not known: 16 zero bytes stand for any.
-- Received a month before it is due, or three if it was extended: only the date in the event is certain.
insert into vault.rights_request (
    controller_id, request_id, kind, state, identity, source, content_mac, subject_ids, categories, received_ms, due_ms,
    stated_holds
)
values (
    $1, $2, 'erasure', 'requested', 'unproven', $3, '00000000-0000-0000-0000-000000000000'::uuid, $4, $5,
    (extract(epoch from to_timestamp($6::bigint / 1000.0) - interval '1 month') * 1000)::bigint, $6, $7::jsonb
)
on conflict (controller_id, request_id) do nothing;
