-- Requests of which something was held until now, and nothing was resumed yet.
select r.controller_id, r.request_id, r.subject_ids, r.completed_ms, r.held::text as held from vault.rights_request as r
where
    r.resumes_ms <= $1
    and (r.state = 'complete' or r.refusal = 'held')
    and not exists (
        select 1 from vault.rights_request as later
        where later.controller_id = r.controller_id and later.caused_by = r.request_id
    )
order by r.resumes_ms
limit $2;
