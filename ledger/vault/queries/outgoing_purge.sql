-- Deletes at most $2 events that the log has had since before $1: the log keeps them, the queue need not.
with old as (
    select seq from vault.outgoing_event
    where sent_ms < $1
    order by seq
    limit $2
    for update skip locked
), gone as (
    delete from vault.outgoing_event as o using old where o.seq = old.seq
    returning 1
)
select count(*) from gone;
