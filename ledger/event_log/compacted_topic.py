"""A compacted topic keyed by subject id, made to forget: tombstones, rollers, and a scan that says what is left.

A tombstone alone erases nothing. Kafka's cleaner passes over the segment that is being written, ``segment.ms`` and
``max.compaction.lag.ms`` act at the next append to *that partition* only, and an idle partition therefore keeps the
old value for ever (measured, ``kafka-spike.md`` section 8). So a roller goes into every partition: an empty record
under a reserved key. One closes the segment of the tombstone, so that the value goes; a second one, ``segment.ms``
later, lets the tombstone go as well. What proves the erasure is a scan of the whole topic as a consumer reads it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.domain.events import GENESIS_KEY, SUBJECT_ID_BYTES
from ledger.errors import ConfigurationError, NotFound, Rejected, Unavailable
from ledger.event_log.broker import administering, reading, writing
from ledger.event_log.cluster import FoundTopic, describe
from ledger.event_log.partitioner import partition_of

__all__ = ["ROLLER_KEY", "CompactedTopic", "Scan", "checked_keys", "compacted", "scan_topic"]

ROLLER_KEY: Final = GENESIS_KEY
"""16 zero bytes: the key of no subject. Its records have no value, so that a consumer forgets what it never had."""

STALLED_AFTER_S: Final = 30.0
_BATCH_RECORDS: Final = 2_000
_POLL_MS: Final = 500
_FETCH_BYTES: Final = 4_194_304


class Scan(NamedTuple):
    """What a scan of a whole topic found under some keys; ``read`` is (partition, first offset, end) of each.

    ``values``: by key, the time of its oldest record that has a value, superseded ones included; ``tombstones``: keys
    with a record that has none; ``alive``: by key, the time of its newest record, where that is a value. Times are
    the records' own, in milliseconds.
    """

    values: dict[bytes, int]
    tombstones: frozenset[bytes]
    alive: dict[bytes, int]
    read: tuple[tuple[int, int, int], ...]

    def left(self, keys: Iterable[bytes], before_ms: int | None = None) -> frozenset[bytes]:
        """The keys under which a value can still be read: any, or one from before ``before_ms``."""
        return _from_before(self.values, keys, before_ms)

    def due(self, keys: Iterable[bytes], before_ms: int | None = None) -> frozenset[bytes]:
        """The keys for which a tombstone is due: their newest record is a value (from before ``before_ms``)."""
        return _from_before(self.alive, keys, before_ms)


class CompactedTopic:
    """One topic, known to be compacted; opened by :meth:`open` for the length of a block."""

    def __init__(
        self,
        bootstrap: str,
        name: str,
        *,
        partitions: int,
        segment_s: float,
        producer: AIOKafkaProducer,
        roller_key: bytes = ROLLER_KEY,
    ) -> None:
        self.name = name
        self.partitions = partitions
        self.segment_s = segment_s
        self._bootstrap = bootstrap
        self._producer = producer
        self._roller_key = roller_key

    @classmethod
    @asynccontextmanager
    async def open(cls, bootstrap: str, name: str, *, roller_key: bytes = ROLLER_KEY) -> AsyncIterator[Self]:
        """The topic, with a producer. Raises ``NotFound(topic_unknown)``, ``Unavailable(log_unavailable)``, and
        ``ConfigurationError(topic_not_compacted)``: in a topic that is not compacted a tombstone erases nothing."""
        found = await compacted(bootstrap, name)
        async with writing(bootstrap, "ledger-tombstones") as producer:
            yield cls(
                bootstrap,
                name,
                partitions=found.partitions,
                segment_s=int(found.settings["segment.ms"]) / 1000,
                producer=producer,
                roller_key=roller_key,
            )

    async def tombstone(self, keys: Iterable[bytes]) -> None:
        """A record without a value under each key, in the key's partition; acknowledged by all replicas on return.

        Raises ``Rejected(topic_key_unusable)`` for a key that is no subject id.
        """
        wanted = checked_keys(keys)
        await asyncio.gather(*(self._send(key, partition_of(key, self.partitions)) for key in wanted))

    async def roll(self) -> None:
        """A roller into every partition: whichever has been idle for ``segment.ms`` closes its segment."""
        await asyncio.gather(*(self._send(self._roller_key, number) for number in range(self.partitions)))

    async def scan(self, keys: Iterable[bytes]) -> Scan:
        """What the topic holds under ``keys`` now: :func:`scan_topic`."""
        return await scan_topic(self._bootstrap, self.name, keys)

    async def _send(self, key: bytes, partition: int) -> None:
        await self._producer.send_and_wait(self.name, value=None, key=key, partition=partition)


async def compacted(bootstrap: str, name: str) -> FoundTopic:
    """The topic as the brokers have it. Raises ``NotFound(topic_unknown)``,
    ``ConfigurationError(topic_not_compacted)``, ``Unavailable(log_unavailable)``."""
    found = await _described(bootstrap, name)
    policies = {policy.strip() for policy in found.settings.get("cleanup.policy", "").split(",")}
    if "compact" not in policies:
        raise ConfigurationError("topic_not_compacted", f"{name} is not compacted.", topic=name)
    return found


def checked_keys(keys: Iterable[bytes]) -> tuple[bytes, ...]:
    """The keys, each a subject id. A null or short one would fall into a partition that holds nothing of theirs."""
    found = tuple(keys)
    for key in found:
        if not isinstance(key, bytes) or len(key) != SUBJECT_ID_BYTES or key == GENESIS_KEY:
            raise Rejected("topic_key_unusable")
    return found


async def scan_topic(bootstrap: str, topic: str, keys: Iterable[bytes]) -> Scan:
    """What the topic holds under ``keys``, every partition read from its beginning to the end that it has now.

    Reads what any consumer could, records of open transactions included. Raises ``NotFound(topic_unknown)``,
    ``Unavailable(log_unavailable)`` when nothing comes for half a minute or records vanish while they are read.
    """
    wanted = frozenset(keys)
    values: dict[bytes, int] = {}
    alive: dict[bytes, int] = {}
    tombstones: set[bytes] = set()
    partitions = (await _described(bootstrap, topic)).partitions
    places = [TopicPartition(topic, number) for number in range(partitions)]
    async with reading(bootstrap, max_partition_fetch_bytes=_FETCH_BYTES) as consumer:
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        ends = {place.partition: (first[place], end[place]) for place in places}
        async for records in _whole(consumer, topic, ends):
            for record in records:
                if record.key not in wanted:
                    continue
                if record.value is None:
                    tombstones.add(record.key)
                    alive.pop(record.key, None)
                else:
                    values.setdefault(record.key, record.timestamp)
                    alive[record.key] = record.timestamp
    read = tuple((number, *stretch) for number, stretch in sorted(ends.items()))
    return Scan(values, frozenset(tombstones), alive, read)


def _from_before(times: dict[bytes, int], keys: Iterable[bytes], before_ms: int | None) -> frozenset[bytes]:
    return frozenset(key for key in keys if key in times and (before_ms is None or times[key] < before_ms))


async def _described(bootstrap: str, name: str) -> FoundTopic:
    async with administering(bootstrap) as admin:
        found = (await describe(admin, [name])).get(name)
    if found is None:
        raise NotFound("topic_unknown", f"Kafka has no topic {name}.", topic=name)
    return found


async def _whole(consumer: Any, topic: str, ends: dict[int, tuple[int, int]]) -> AsyncIterator[list[Any]]:
    """The records of every stretch in ``ends``, each partition's in order."""
    left = {TopicPartition(topic, number): end for number, (first, end) in ends.items() if first < end}
    consumer.assign(list(left))
    for place in left:
        consumer.seek(place, ends[place.partition][0])
    last_progress = time.monotonic()
    while left:
        try:
            found = await consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=_BATCH_RECORDS)
        except OffsetOutOfRangeError as error:
            raise Unavailable(
                "log_unavailable", f"Records of {topic} vanished while they were read.", topic=topic
            ) from error
        for records in found.values():
            yield records
        for place in tuple(left):
            if await consumer.position(place) >= left[place]:
                del left[place]
                # Whatever is written meanwhile would be read for ever.
                consumer.pause(place)
        if found:
            last_progress = time.monotonic()
        elif left and time.monotonic() - last_progress > STALLED_AFTER_S:
            raise Unavailable("log_unavailable", topic=topic)
