-- What the vault has not got round to: events that it owes the log for over a minute ($1, in milliseconds, is a minute
-- ago), and keys of the intake that should have been deleted.
select
    (select count(*) from vault.outgoing_event where sent_ms is null) as unsent_events,
    (
        select count(*)
        from vault.outgoing_event as e
        inner join vault.request_step as s using (controller_id, request_id, step)
        where e.sent_ms is null and s.at_ms < $1
    ) as late_events,
    (select count(*) from vault.intake_key where created_at < now() - interval '9 days') as old_intake_keys;
