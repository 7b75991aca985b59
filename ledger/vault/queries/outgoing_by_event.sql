-- Where an event of the queue stands on the log, if it was acknowledged.
select sent_ms, partition, "offset" from vault.outgoing_event where event_id = $1 and sent_ms is not null;
