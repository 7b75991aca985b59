"""Reads a stretch of one partition, from one offset to another, without a group and without a trace.

For replay, audit and tests: nothing is committed, nothing is skipped in silence.
"""

import time
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.errors import IntegrityViolation, NotFound, Unavailable
from ledger.event_log.broker import reading

__all__ = ["bounds_of", "scan"]

BATCH_RECORDS: Final = 2_000
STALLED_AFTER_S: Final = 30.0
_POLL_MS: Final = 1_000
# Replay reads as fast as it folds; the default of 1 MiB per fetch makes it wait for the network in between.
_FETCH_BYTES: Final = 4_194_304


async def scan(
    bootstrap: str,
    topic: str,
    partition: int,
    start: int,
    end: int | None = None,
    *,
    batch_records: int = BATCH_RECORDS,
    stalled_after_s: float = STALLED_AFTER_S,
) -> AsyncIterator[list[Any]]:
    """The records of ``[start, end)`` in order, in lists of at most ``batch_records``; up to the present end if None.

    Records are aiokafka's ``ConsumerRecord`` (offset, timestamp, key, value). Raises
    ``IntegrityViolation(log_truncated)`` when the partition begins after ``start`` or ends before ``end``,
    ``NotFound(topic_unknown)``, and ``Unavailable(log_unavailable)`` when nothing comes for ``stalled_after_s``.
    """
    place = TopicPartition(topic, partition)
    async with reading(bootstrap, max_partition_fetch_bytes=_FETCH_BYTES) as consumer:
        begin_offset, end_offset = await _bounds(consumer, place)
        end = end_offset if end is None else end
        if begin_offset > start or end_offset < end:
            raise _truncated(place, f"it holds {begin_offset} to {end_offset}, asked were {start} to {end}")
        consumer.assign([place])
        consumer.seek(place, start)
        position, last_progress = start, time.monotonic()
        while position < end:
            try:
                found = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=batch_records)
            except OffsetOutOfRangeError as error:
                raise _truncated(place, "the records to be read are gone") from error
            position = await consumer.position(place)
            records = [record for record in found.get(place, ()) if record.offset < end]
            if records:
                yield records
                last_progress = time.monotonic()
            elif time.monotonic() - last_progress > stalled_after_s:
                raise Unavailable("log_unavailable", topic=topic, partition=partition)


async def bounds_of(bootstrap: str, topic: str, partition: int) -> tuple[int, int]:
    """The first offset of a partition and the one after its last."""
    async with reading(bootstrap) as consumer:
        return await _bounds(consumer, TopicPartition(topic, partition))


async def _bounds(consumer: Any, place: TopicPartition) -> tuple[int, int]:
    if place.topic not in await consumer.topics():
        raise NotFound("topic_unknown", f"Kafka has no topic {place.topic}.", topic=place.topic)
    begins, ends = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
    return begins[place], ends[place]


def _truncated(place: TopicPartition, detail: str) -> IntegrityViolation:
    return IntegrityViolation(
        "log_truncated",
        f"{place.topic}, partition {place.partition}: {detail}.",
        topic=place.topic,
        partition=place.partition,
    )
