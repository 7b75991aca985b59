-- Whether no event of a step of a request is waiting to be sent.
select not exists (
    select 1 from vault.outgoing_event
    where controller_id = $1 and request_id = $2 and step = $3 and sent_ms is null
);
