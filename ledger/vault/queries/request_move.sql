-- The next state of a request, if it is still in the state $3; what is null stays as it is.
update vault.rights_request
set
    state = $4,
    subject_ids = coalesce($5::uuid [], subject_ids),
    erased_categories = coalesce($6::text [], erased_categories),
    held = coalesce($7::jsonb, held),
    is_whole = coalesce($8::boolean, is_whole),
    resumes_ms = coalesce($9::bigint, resumes_ms),
    refusal = coalesce($10::text, refusal),
    completed_ms = coalesce($11::bigint, completed_ms),
    next_try_at = now(),
    waits_for = null
where controller_id = $1 and request_id = $2 and state = $3
returning true;
