-- One request, as it stands.
select
    request_id, kind, state, identity, subject_ids, categories, erased_categories, is_whole, held::text as held, received_ms,
    due_ms, extended, overdue, refusal, resumes_ms, completed_ms, waits_for
from vault.rights_request
where controller_id = $1 and request_id = $2;
