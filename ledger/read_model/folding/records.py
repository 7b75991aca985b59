"""What the fold reads, where it stands, and what one batch of one partition amounts to."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from ledger.domain.events import GENESIS_KEY, SUBJECT_ID_BYTES, Event, Lane
from ledger.domain.log_records import RawRecord, record_digest, schema_fingerprint
from ledger.domain.rows import Row

__all__ = [
    "CONFLICTING",
    "KILLED_WORKER",
    "UNATTRIBUTABLE",
    "Decode",
    "Ended",
    "Folded",
    "Partition",
    "PartitionKey",
    "PartitionOf",
    "Place",
    "Progress",
    "RawRecord",
    "Resolution",
    "SetAside",
    "Settled",
    "StandingKey",
    "Tallies",
    "record_digest",
    "schema_fingerprint",
    "subject_of",
]

UNATTRIBUTABLE: Final = "unattributable"
CONFLICTING: Final = "conflicting_event_id"
KILLED_WORKER: Final = "record_killed_worker"

Decode = Callable[[bytes], Event]
"""Bytes to event, or ``MalformedRecord``; the event log's codec, handed in since stores do not import each other."""

PartitionOf = Callable[[bytes, int], int]
"""The partition of a key among so many: the event log's partitioner."""


SetAside = Mapping[int, str]
"""Offsets that are in doubt whatever this version makes of them, with the reason: a worker's after counted starts, a
replay's of the entries that the live fold opened."""


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


class Place(NamedTuple):
    """Where a record stands within a controller's logs."""

    generation: int
    lane: int
    partition: int
    offset: int


class Resolution(NamedTuple):
    """A counted event that ends a doubt. ``log_id`` and ``place`` name the record in doubt, ``at`` the event itself.

    ``subject_id`` is the event's key, None where the record in doubt has no subject.
    """

    log_id: bytes
    place: Place
    admits: bool
    subject_id: bytes | None
    event_id: bytes
    at: Place


class Ended(NamedTuple):
    """What a resolution came to: admitted, discarded, not_admitted (with the reason), no_open_entry."""

    place: Place
    outcome: str
    reason: str | None


class Settled(msgspec.Struct, kw_only=True):
    """What the resolutions of one batch amount to: rows that join, and updates in the order of their queries."""

    standing: dict[StandingKey, Row] = msgspec.field(default_factory=dict)
    history: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    entries: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    ended: list[Ended] = msgspec.field(default_factory=list)


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
    resolutions: list[Resolution] = msgspec.field(default_factory=list)
    settled: Settled | None = None

    @property
    def records(self) -> int:
        return len(self.history)


def subject_of(key: bytes | None) -> bytes | None:
    """The subject id that a record's key names, or None when nobody can say whose record it is."""
    if key is None or len(key) != SUBJECT_ID_BYTES or key == GENESIS_KEY:
        return None
    return key
