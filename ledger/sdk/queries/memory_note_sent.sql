-- Kafka has the acknowledgement.
update erasure_order set is_sent = 1 where order_id = ?;
