"""Records as a partition of a small log holds them, for tests of the fold: encoded, keyed, timed."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from ledger.domain.events import (
    GENESIS_KEY,
    ConsentGiven,
    ConsentWithdrawn,
    Envelope,
    Event,
    Lane,
    LogGenesis,
    Origin,
    Scope,
)
from ledger.event_log import codec
from ledger.read_model.folding.records import Partition, Progress, record_digest

CONTROLLER: Final = "northwind"
START_MS: Final = 1_760_000_000_000
LOG_APPEND_TIME: Final = 1


class RawRecord(NamedTuple):
    """What the fold takes of a Kafka record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    timestamp_type: int = LOG_APPEND_TIME


def partition(**changed: object) -> Partition:
    """One partition of a log of ``partitions`` (1 unless changed)."""
    fields: dict[str, object] = {
        "log_id": b"L" * 16,
        "generation": 1,
        "lane": Lane.LIVE,
        "partition": 0,
        "partitions": 1,
        "controller_id": 1,
        "controller": CONTROLLER,
        "topic": f"ledger.{CONTROLLER}.events",
        "genesis_id": b"G" * 16,
    }
    return Partition(**(fields | changed))  # type: ignore[arg-type]


def genesis(of: Partition, broker_ms: int = START_MS) -> RawRecord:
    """The record at offset 0."""
    event = LogGenesis(
        controller=of.controller,
        log_id=of.log_id,
        generation=of.generation,
        lane=of.lane,
        partition=of.partition,
        partitions=of.partitions,
        genesis_id=of.genesis_id,
    )
    return RawRecord(0, broker_ms, GENESIS_KEY, codec.encode(event))


def start(of: Partition, broker_ms: int = START_MS) -> Progress:
    """Where folding a partition begins."""
    first = genesis(of, broker_ms)
    return Progress(
        next_offset=1,
        last_digest=record_digest(first.key, first.value, first.timestamp),
        stamp_ms=broker_ms,
        clock_floor_ms=0,
    )


def subject(number: int) -> bytes:
    """A subject id that is the same in every run."""
    return hashlib.sha256(f"subject {number}".encode()).digest()[:16]


def envelope(**changed: object) -> Envelope:
    """An envelope with everything that a client of today sends; ids are random unless said."""
    event_id = secrets.token_bytes(16)
    fields: dict[str, object] = {
        "event_id": event_id,
        "act_id": event_id,
        "controller": CONTROLLER,
        "source": "web",
        "origin": Origin.DIRECT,
        "waited_ms": 0,
    }
    return Envelope(**(fields | changed))  # type: ignore[arg-type]


def grant(purpose: str = "newsletter", *, notice: str = "signup@1", **changed: object) -> ConsentGiven:
    return ConsentGiven(
        envelope=envelope(**changed), scope=Scope(purpose=purpose, channel="email"), notice=notice
    )


def withdrawal(purpose: str | None = "newsletter", **changed: object) -> ConsentWithdrawn:
    return ConsentWithdrawn(envelope=envelope(**changed), scope=Scope(purpose=purpose, channel="email"))


class Tape:
    """Appends records to one partition: offsets are dense, times move on by 10 ms unless said."""

    def __init__(self, of: Partition, broker_ms: int = START_MS) -> None:
        self.records: list[RawRecord] = []
        self._next = 1
        self._now = broker_ms

    def add(self, key: bytes | None, event: Event, *, at_ms: int | None = None) -> RawRecord:
        return self.add_raw(key, codec.encode(event), at_ms=at_ms)

    def add_raw(self, key: bytes | None, value: bytes | None, *, at_ms: int | None = None) -> RawRecord:
        self._now = self._now + 10 if at_ms is None else at_ms
        record = RawRecord(self._next, self._now, key, value)
        self._next += 1
        self.records.append(record)
        return record


def one_partition(_key: bytes, _partitions: int) -> int:
    """A partitioner for logs of one partition."""
    return 0


Decode = Callable[[bytes], Event]
