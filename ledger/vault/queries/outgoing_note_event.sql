-- Notes where an event of the queue stands on the log, unless that is known.
update vault.outgoing_event set sent_ms = $2, partition = $3, "offset" = $4
where event_id = $1 and sent_ms is null;
