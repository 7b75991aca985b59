-- Puts an event in the queue that its writer appends at once: the queue sends it only if that has not been noted within
-- $6 seconds.
insert into vault.outgoing_event (controller_id, event_id, subject_id, step, event, due_at)
values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
on conflict (event_id) do nothing;
