-- What is known of an order.
select order_id, attempt, received, tries, acknowledgement, is_final
from erasure_order
where order_id = ?;
