-- Rights requests that are not over, by how they stand: $1 is now, in milliseconds.
select
    count(*) as open_requests,
    count(*) filter (where overdue or due_ms < $1) as overdue_requests,
    -- A wait that is not one of the life of an erasure is the code of an error.
    count(*) filter (
        where waits_for not in (
            'proof_of_identity', 'log', 'caches_and_appends', 'fold', 'orders_to_be_sent', 'holders'
        )
    ) as failing_requests,
    min(due_ms) as next_due_ms
from vault.rights_request
where state not in ('complete', 'refused');
