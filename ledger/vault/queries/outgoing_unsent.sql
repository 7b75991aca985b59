-- The events that wait to be sent and are due, oldest first.
select seq, controller_id, subject_id, event from vault.outgoing_event
where sent_ms is null and due_at <= now()
order by seq
limit $1;
