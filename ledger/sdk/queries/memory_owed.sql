-- Orders to be tried again at a time, the oldest first.
select order_id, attempt, received, tries, acknowledgement, is_final
from erasure_order
where received is not null and next_try_at <= ?
order by next_try_at
limit 20;
