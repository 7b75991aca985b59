-- A request whose block is on the log goes on from there.
update vault.rights_request
set
    state = 'blocked', identity = 'proven', is_whole = $4, erased_categories = $5, waits_for = null,
    subject_ids = (
        select array_agg(distinct member order by member)
        from unnest(subject_ids || $3::uuid) as t (member)
    )
where controller_id = $1 and request_id = $2 and state in ('requested', 'identified', 'assessed');
