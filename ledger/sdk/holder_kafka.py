"""A holder's connection to Kafka: its group on the topic of orders, and a producer for acknowledgements."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from ledger.errors import NotFound, Unavailable
from ledger.event_log.broker import translated, writing
from ledger.event_log.topic_table import ACKNOWLEDGEMENTS_TOPIC, orders_topic

__all__ = ["OrderTopic"]

_GROUP_TIMEOUT_MS: Final = 20_000
"""For a consumer's request. To join a group lasts as long as the broker waits for a member that has died (the session's
10 s, and 3 s for an empty group): whoever gives up before then joins anew, and may do so again and again."""
_MAX_RECORDS: Final = 100
_MAX_POLL_INTERVAL_MS: Final = 3_600_000
"""How long a function may take over the orders of one poll before the group gives them to another process."""

_log = logging.getLogger(__name__)


class OrderTopic:
    """Reads orders and commits them when told; sends acknowledgements."""

    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        self._consumer = consumer
        self._producer = producer

    @classmethod
    @asynccontextmanager
    async def open(cls, bootstrap: str, controller: str, holder: str) -> AsyncIterator[Self]:
        """Connected for the length of the block. Raises ``Unavailable(log_unavailable)``, ``NotFound(topic_unknown)``.

        The group is the holder's own, and begins at the oldest order that is still there.
        """
        topic = orders_topic(controller)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=f"holder-{holder}",
            group_id=f"ledger-holder.{controller}.{holder}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_GROUP_TIMEOUT_MS,
            max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
        )
        async with writing(bootstrap, f"holder-{holder}") as producer:
            try:
                await consumer.start()
                if topic not in await consumer.topics():
                    raise NotFound("topic_unknown", f"Kafka has no topic {topic}.", topic=topic)
                consumer.subscribe([topic])
                yield cls(consumer, producer)
            finally:
                await consumer.stop()

    async def poll(self, timeout_s: float) -> list[Any]:
        """The next records in order, at most 100; none when nothing came in time."""
        with translated():
            found = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=_MAX_RECORDS)
        return [record for records in found.values() for record in records]

    async def is_at_end(self) -> bool | None:
        """Whether all orders there are have been polled; None while the group has not let this process in."""
        with translated():
            places = list(self._consumer.assignment())
            ends = await self._consumer.end_offsets(places) if places else {}
            positions = [await self._consumer.position(place) >= ends[place] for place in places]
        return all(positions) if places else None

    async def commit(self, records: Sequence[Any]) -> None:
        """These records and all before them are done, for good. A partition that another process has by now is its
        affair: it sees the records again, and the memory knows their answers."""
        ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        try:
            with translated():
                await self._consumer.commit(ends)
        except Unavailable as error:
            if not isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                raise
            _log.warning("orders may be read again: %s", type(error.__cause__).__name__)

    async def send(self, order_id: bytes, acknowledgement: bytes) -> None:
        """Returns when all in-sync replicas have the acknowledgement. Raises ``Unavailable(log_unavailable)``."""
        with translated():
            await self._producer.send_and_wait(ACKNOWLEDGEMENTS_TOPIC, acknowledgement, order_id)
