-- Orders whose acknowledgement Kafka does not have.
select order_id, attempt, received, tries, acknowledgement, is_final
from erasure_order
where acknowledgement is not null and is_sent = 0
limit 1000;
