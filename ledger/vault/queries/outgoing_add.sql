-- Puts an event in the queue of what the vault owes the log.
insert into vault.outgoing_event (controller_id, event_id, subject_id, request_id, step, event)
values ($1, $2, $3, $4, $5, $6)
on conflict (event_id) do nothing;
