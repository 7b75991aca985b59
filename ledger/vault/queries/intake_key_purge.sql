-- Deletes at most $2 idempotency keys older than $1 days, oldest first.
with old as (
    select controller_id, source, key_mac, slot
    from vault.intake_key
    where created_at < now() - make_interval(days => $1)
    order by created_at
    limit $2
    for update skip locked
), gone as (
    delete from vault.intake_key k using old
    where (k.controller_id, k.source, k.key_mac, k.slot) = (old.controller_id, old.source, old.key_mac, old.slot)
    returning 1
)
select count(*) from gone;
