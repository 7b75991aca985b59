-- Claims a slot of an idempotency key if it is free or older than $8 days; gives the row that holds it afterwards.
-- A held row is written back as it was: that waits for a concurrent claim to commit, and then reads what it wrote.
insert into vault.intake_key as held (controller_id, source, key_mac, slot, content_mac, act_id, subject_id)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (controller_id, source, key_mac, slot) do update
set (content_mac, act_id, subject_id, position, created_at) = (
    select content_mac, act_id, subject_id, position, created_at
    from (
        values
            (held.content_mac, held.act_id, held.subject_id, held.position, held.created_at, false),
            (excluded.content_mac, excluded.act_id, excluded.subject_id, null, now(), true)
    ) as choice (content_mac, act_id, subject_id, position, created_at, when_expired)
    where when_expired = (held.created_at < now() - make_interval(days => $8))
)
returning content_mac, act_id, subject_id, position, created_at = now() as fresh;
