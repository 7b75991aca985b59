-- Orders to holders that are not answered for, or were refused: $1 is now, in milliseconds.
select
    holder,
    count(*) as open_orders,
    count(*) filter (where state <> 'refused' and (overdue or due_ms < $1)) as overdue_orders,
    count(*) filter (where state = 'refused') as refused_orders
from vault.erasure_order
where state in ('pending', 'sent', 'refused') or (state = 'acknowledged' and verification < required_verification)
group by holder
order by holder;
