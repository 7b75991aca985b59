-- What the slots of an idempotency key stand for, as long as it is not older than $6 days.
select
    slot,
    act_id,
    subject_id,
    position
from vault.intake_key
where
    controller_id = $1
    and source = $2
    and key_mac = $3
    and slot = any($4::uuid [])
    and content_mac = $5
    and created_at >= now() - make_interval(days => $6);
