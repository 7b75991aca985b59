-- One request, with all that its next step needs.
select
    request_id, state, identity, subject_ids, categories, stated_holds::text as stated_holds, erased_categories,
    held::text as held, is_whole, received_ms, holds_since_ms, due_ms, blocked_ms, resumes_ms, overdue
from vault.rights_request
where controller_id = $1 and request_id = $2;
