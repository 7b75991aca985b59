"""What the fold reads, where it stands, and what one batch of one partition amounts to."""

import hashlib
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ledger.domain.events import GENESIS_KEY, SUBJECT_ID_BYTES, Event, Lane
from ledger.domain.rows import Row

__all__ = [
    "Decode",
    "Folded",
    "Partition",
    "PartitionKey",
    "PartitionOf",
    "Progress",
    "RawRecord",
    "StandingKey",
    "Tallies",
    "record_digest",
    "schema_fingerprint",
    "subject_of",
]

Decode = Callable[[bytes], Event]
"""Bytes to event, or ``MalformedRecord``; the event log's codec, handed in since stores do not import each other."""

PartitionOf = Callable[[bytes, int], int]
"""The partition of a key among so many: the event log's partitioner."""

SINGLE_OBJECT_MARK: Final = b"\xc3\x01"
_NULL_LENGTH: Final = -1
_DIGEST_HEAD: Final = struct.Struct(">qii").pack


class RawRecord(Protocol):
    """One record as Kafka hands it out (aiokafka's ``ConsumerRecord`` is one). ``timestamp`` is broker time in ms."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class PartitionKey(NamedTuple):
    """The primary key of a position row; claims and batches lock rows in this order."""

    log_id: bytes
    generation: int
    lane: int
    partition: int


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of one log, as its genesis record and the control tables name it."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    partitions: int
    controller_id: int
    controller: str
    topic: str
    genesis_id: bytes

    @property
    def key(self) -> PartitionKey:
        return PartitionKey(self.log_id, self.generation, self.lane.number, self.partition)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition has been folded: everything below ``next_offset``.

    ``last_digest`` is that of the record before it, and tells this log from another that happens to be as long.
    """

    next_offset: int
    last_digest: bytes
    stamp_ms: int
    clock_floor_ms: int


class Tallies(msgspec.Struct, kw_only=True):
    """Counts of one batch, for the metrics."""

    counted: dict[str, int] = msgspec.field(default_factory=dict)
    repeats: int = 0
    quarantined: dict[str, int] = msgspec.field(default_factory=dict)
    unattributable: int = 0


StandingKey = tuple[int, bytes, bytes]
"""Controller id, subject id, row key."""


class Folded(msgspec.Struct, kw_only=True):
    """One batch of one partition, ready to be written: tuples are in the order of the tables' columns."""

    partition: Partition
    before: Progress
    after: Progress
    history: list[tuple[Any, ...]]
    standing: dict[StandingKey, Row]
    quarantine: list[tuple[Any, ...]]
    catalogue: list[tuple[Any, ...]]
    tallies: Tallies

    @property
    def records(self) -> int:
        return len(self.history)


def record_digest(key: bytes | None, value: bytes | None, broker_ms: int) -> bytes:
    """SHA-256 over broker time (8 bytes), the lengths of key and value (4 each, -1 for null), key and value.

    Covers what order depends on and what is in no byte of the record itself, the broker time (races.md, D45).
    Headers are left out: nothing the ledger needs is in one.
    """
    key_length = _NULL_LENGTH if key is None else len(key)
    value_length = _NULL_LENGTH if value is None else len(value)
    head = _DIGEST_HEAD(broker_ms, key_length, value_length)
    return hashlib.sha256(b"".join((head, key or b"", value or b""))).digest()


def subject_of(key: bytes | None) -> bytes | None:
    """The subject id that a record's key names, or None when nobody can say whose record it is."""
    if key is None or len(key) != SUBJECT_ID_BYTES or key == GENESIS_KEY:
        return None
    return key


def schema_fingerprint(value: bytes | None) -> bytes | None:
    """The CRC-64-AVRO fingerprint in the framing of a record, if it has one (Avro 1.12, single-object encoding)."""
    if value is None or len(value) < 10 or not value.startswith(SINGLE_OBJECT_MARK):
        return None
    return value[2:10]
