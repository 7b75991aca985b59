"""Kafka and Avro: what stands on the log, how it gets there and how it is read back."""
