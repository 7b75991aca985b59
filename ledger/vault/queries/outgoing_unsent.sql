-- The events that wait to be sent and are due, oldest first; no controller takes the turn of the others.
select seq, controller_id, subject_id, event
from (
    select
        seq,
        controller_id,
        subject_id,
        event,
        row_number() over (partition by controller_id order by seq) as place
    from vault.outgoing_event
    where sent_ms is null and due_at <= now()
) as waiting
where place <= $2
order by seq
limit $1;
