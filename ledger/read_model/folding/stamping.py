"""The stamps of one partition's records, in log order, and the row of history that each record leaves."""

from typing import Any, NamedTuple

from ledger.domain.events import Coordinates, Event
from ledger.domain.ranks import Record, advance_stamp
from ledger.errors import IntegrityViolation
from ledger.read_model.folding.records import (
    Partition,
    Progress,
    RawRecord,
    record_digest,
    schema_fingerprint,
)

__all__ = ["OUTCOME_COLUMN", "Stamped", "Stamper", "as_record", "history_row", "marked", "quarantine_row"]

# Columns of history that are rewritten when a record turns out to be a repeat or a conflict.
OUTCOME_COLUMN = 16
BODY_COLUMN = 19


class Stamped(NamedTuple):
    """One record in the log's own time, with its digest."""

    record: RawRecord
    broker_ms: int
    stamp_ms: int
    clock_floor_ms: int
    digest: bytes


class Stamper:
    """Stamps the records of one partition, one after the other, from where ``before`` left off."""

    def __init__(self, partition: Partition, before: Progress) -> None:
        self.partition = partition
        self.before = before
        self._next_offset = before.next_offset
        self._last_digest = before.last_digest
        self._stamp_ms = before.stamp_ms
        self._clock_floor_ms = before.clock_floor_ms

    @property
    def after(self) -> Progress:
        """Where the partition stands once every record stamped so far is written."""
        return Progress(
            next_offset=self._next_offset,
            last_digest=self._last_digest,
            stamp_ms=self._stamp_ms,
            clock_floor_ms=self._clock_floor_ms,
        )

    def stamp(self, record: RawRecord) -> Stamped:
        """The record with its stamp; ``IntegrityViolation(log_gap)`` unless it is the very next one.

        The ledger writes no transactions and compacts no event topic, so a missing offset is a missing record.
        """
        if record.offset != self._next_offset:
            raise IntegrityViolation(
                "log_gap",
                topic=self.partition.topic,
                partition=self.partition.partition,
                next_offset=self._next_offset,
                offset=record.offset,
            )
        broker_ms = record.timestamp
        self._stamp_ms, self._clock_floor_ms = advance_stamp(self._stamp_ms, self._clock_floor_ms, broker_ms)
        self._last_digest = record_digest(record.key, record.value, broker_ms)
        self._next_offset += 1
        return Stamped(record, broker_ms, self._stamp_ms, self._clock_floor_ms, self._last_digest)

    def as_record(self, stamped: Stamped) -> Record:
        """The stamped record as the domain's rules take it."""
        return as_record(self.partition, stamped)


def as_record(partition: Partition, stamped: Stamped) -> Record:
    """A stamped record of a partition as the domain's rules take it."""
    return Record(
        coordinates=Coordinates(
            log_id=partition.log_id,
            generation=partition.generation,
            lane=partition.lane,
            partition=partition.partition,
            offset=stamped.record.offset,
        ),
        broker_ms=stamped.broker_ms,
        stamp_ms=stamped.stamp_ms,
        clock_floor_ms=stamped.clock_floor_ms,
    )


def history_row(
    partition: Partition,
    stamped: Stamped,
    subject_id: bytes | None,
    event: Event | None,
    outcome: str,
    *,
    rank: tuple[int | None, int | None] = (None, None),
    content: bytes | None = None,
) -> tuple[Any, ...]:
    """One row of history, in the order of its columns. The body of what was set aside stays in the log alone."""
    record = stamped.record
    envelope = getattr(event, "envelope", None)
    return (
        partition.controller_id,
        partition.generation,
        partition.lane.number,
        partition.partition,
        record.offset,
        subject_id,
        None if envelope is None else envelope.event_id,
        None if envelope is None else envelope.act_id,
        None if event is None else type(event).__name__,
        schema_fingerprint(record.value),
        stamped.broker_ms,
        stamped.stamp_ms,
        stamped.clock_floor_ms,
        rank[0],
        rank[1],
        None if envelope is None else envelope.effective_from,
        outcome,
        content,
        stamped.digest,
        None if outcome == "quarantined" else record.value,
    )


def marked(row: tuple[Any, ...], outcome: str, *, keep_body: bool) -> tuple[Any, ...]:
    """The same row of history with another outcome."""
    body = row[BODY_COLUMN] if keep_body else None
    return (*row[:OUTCOME_COLUMN], outcome, *row[OUTCOME_COLUMN + 1 : BODY_COLUMN], body)


def quarantine_row(history: tuple[Any, ...], reason: str) -> tuple[Any, ...]:
    """The open quarantine entry of the record whose row of history this is, in the order of its columns."""
    controller_id, generation, lane, partition, offset, subject_id, event_id = history[:7]
    broker_ms, stamp_ms, clock_floor_ms = history[10:13]
    digest = history[18]
    return (
        controller_id,
        generation,
        lane,
        partition,
        offset,
        subject_id,
        reason,
        event_id,
        broker_ms,
        stamp_ms,
        clock_floor_ms,
        digest,
    )
