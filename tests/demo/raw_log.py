"""Bytes put on the log past every producer of ours: what a broken service would do."""

from aiokafka import AIOKafkaProducer

from ledger.event_log.partitioner import partition_of


async def append_raw(bootstrap: str, topic: str, key: bytes, value: bytes) -> int:
    """Append one record as it is, to the partition of its key, and give its offset."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        partitions = len(await producer.partitions_for(topic))
        stored = await producer.send_and_wait(
            topic, value=value, key=key, partition=partition_of(key, partitions)
        )
        return int(stored.offset)
    finally:
        await producer.stop()
