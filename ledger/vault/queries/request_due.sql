-- The open requests whose time has come, longest waiting first.
select
    controller_id, request_id, state, identity, subject_ids, categories, stated_holds::text as stated_holds,
    erased_categories, held::text as held, is_whole, received_ms, holds_since_ms, due_ms, blocked_ms, resumes_ms,
    overdue
from vault.rights_request
where state not in ('complete', 'refused') and next_try_at <= now()
order by next_try_at
limit $1;
