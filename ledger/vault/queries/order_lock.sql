-- An order with its request's subjects, locked for an answer to it.
select
    o.request_id,
    o.holder,
    o.state,
    o.attempts,
    o.issued_ms,
    o.acknowledgement_digest,
    o.refused_digests,
    o.required_verification,
    o.verification,
    o.contents is not null as can_be_sent,
    r.subject_ids
from vault.erasure_order as o
join vault.rights_request as r using (controller_id, request_id)
where o.controller_id = $1 and o.order_id = $2
for update of o;
