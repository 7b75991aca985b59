"""The record at offset 0 of every partition: written once, and read before anything else is believed.

Kafka's own topic ids do not survive a copy and no client of ours can see them (races.md, D28), so a log names itself.
"""

import secrets
import time
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.domain.events import GENESIS_KEY, Lane, LogGenesis
from ledger.errors import IntegrityViolation, MalformedRecord, Unavailable
from ledger.event_log import codec
from ledger.event_log.broker import translated
from ledger.event_log.producer import Appender, Attempt

__all__ = ["GENESIS_FETCH_WAIT_MS", "GenesisRecord", "expected_genesis", "is_genesis", "is_same_log", "read_geneses", "read_genesis", "write_genesis"]

GENESIS_ID_BYTES: Final = 16
GENESIS_FETCH_WAIT_MS: Final = 20
"""For consumers that read nothing but genesis records: a fetch that waits for one partition holds up the next."""

_LOG_APPEND_TIME: Final = 1
_READ_TIMEOUT_S: Final = 30.0
_POLL_MS: Final = 1_000


class GenesisRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A genesis as it stands on the log; key, value and broker time are what its digest is taken over.

    ``is_copied``: its time is that of its origin and not this broker's (KIP-32, CreateTime).
    """

    genesis: LogGenesis
    key: bytes
    value: bytes
    broker_ms: int
    is_copied: bool = False


async def read_genesis(
    consumer: AIOKafkaConsumer, topic: str, partition: int, *, may_be_copied: bool = False
) -> GenesisRecord | None:
    """The genesis of a partition, or None when the partition is empty. Leaves the consumer's position behind it.

    ``consumer`` must have the partition assigned, by hand or by its group. With ``may_be_copied`` the caller judges
    itself whether this log is an exact copy, whose records keep the times of their origin. Raises ``IntegrityViolation`` when offset
    0 is gone (``log_truncated``), holds something else (``log_foreign``) or has a producer's time
    (``log_create_time``), ``Unavailable`` when Kafka does not answer.
    """
    found = (await read_geneses(consumer, topic, [partition], may_be_copied=may_be_copied))[partition]
    if isinstance(found, IntegrityViolation):
        raise found
    return found


async def read_geneses(
    consumer: AIOKafkaConsumer, topic: str, partitions: Iterable[int], *, may_be_copied: bool = False
) -> dict[int, GenesisRecord | IntegrityViolation | None]:
    """As :func:`read_genesis` for several partitions at once, with what is wrong in place of a genesis."""
    places = [TopicPartition(topic, partition) for partition in partitions]
    found: dict[int, GenesisRecord | IntegrityViolation | None] = {}
    with translated():
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            if ends[place] == 0:
                found[place.partition] = None
            elif begins[place] > 0:
                found[place.partition] = _violation("log_truncated", place)
        unread = [place for place in places if place.partition not in found]
        for place, record in (await _first_records(consumer, unread)).items():
            found[place.partition] = _as_genesis(place, record, may_be_copied)
    return found


async def write_genesis(appender: Appender, topic: str, genesis: LogGenesis, timeout_s: float) -> None:
    """Write ``genesis`` to its partition, which must be empty; its ``genesis_id`` is drawn here.

    Never sent a second time: whoever does not get an answer asks for the partition's end again. Raises
    ``Unavailable(log_unavailable)``.
    """
    drawn = msgspec.structs.replace(genesis, genesis_id=secrets.token_bytes(GENESIS_ID_BYTES))

    def value(attempt: Attempt) -> bytes:
        if attempt.may_be_repeat:
            raise Unavailable("log_unavailable", topic=topic, partition=genesis.partition)
        return codec.encode(drawn)

    await appender.append(topic, genesis.partition, GENESIS_KEY, value, timeout_s=timeout_s)


def expected_genesis(
    controller: str, log_id: bytes, generation: int, lane: Lane, partition: int, partitions: int
) -> LogGenesis:
    """The genesis that a partition of a log must have, but for its random id."""
    return LogGenesis(
        controller=controller,
        log_id=log_id,
        generation=generation,
        lane=lane,
        partition=partition,
        partitions=partitions,
        genesis_id=bytes(GENESIS_ID_BYTES),
    )


def is_same_log(found: LogGenesis, expected: LogGenesis) -> bool:
    """Whether ``found`` is the genesis of the partition that ``expected`` describes."""
    return msgspec.structs.replace(found, genesis_id=expected.genesis_id) == expected


def is_genesis(key: bytes | None, value: bytes | None, expected: LogGenesis) -> bool:
    """Whether a record is the genesis of the partition that ``expected`` describes."""
    try:
        found = codec.decode(value or b"")
    except MalformedRecord:
        return False
    return isinstance(found, LogGenesis) and key == GENESIS_KEY and is_same_log(found, expected)


async def _first_records(
    consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]
) -> dict[TopicPartition, Any]:
    """The first record at or after offset 0 of each partition, each of which holds records."""
    unread = set(places)
    first: dict[TopicPartition, Any] = {}
    for place in unread:
        consumer.seek(place, 0)
    limit = time.monotonic() + _READ_TIMEOUT_S
    while unread:
        try:
            batches = await consumer.getmany(*unread, timeout_ms=_POLL_MS)
        except OffsetOutOfRangeError as error:
            raise IntegrityViolation("log_truncated") from error
        for place, records in batches.items():
            first[place] = records[0]
            unread.discard(place)
            consumer.seek(place, records[0].offset + 1)
        if time.monotonic() > limit:
            raise Unavailable("log_unavailable", "The genesis records could not be read.")
    return first


def _as_genesis(
    place: TopicPartition, record: Any, may_be_copied: bool
) -> GenesisRecord | IntegrityViolation:
    if record.offset != 0:
        return _violation("log_truncated", place)
    is_copied = record.timestamp_type != _LOG_APPEND_TIME
    if is_copied and not may_be_copied:
        return _violation("log_create_time", place)
    try:
        event = codec.decode(record.value)
    except MalformedRecord:
        return _violation("log_foreign", place)
    if not isinstance(event, LogGenesis) or record.key != GENESIS_KEY:
        return _violation("log_foreign", place)
    return GenesisRecord(
        genesis=event,
        key=record.key,
        value=record.value,
        broker_ms=record.timestamp,
        is_copied=is_copied,
    )


def _violation(code: str, place: TopicPartition) -> IntegrityViolation:
    return IntegrityViolation(code, topic=place.topic, partition=place.partition)
