"""One batch of one partition of the live or backfill lane: raw records in, everything to be written out. No I/O.

Two steps, since repeats have to be looked up in between: :meth:`BatchFold.take` decodes, stamps and judges each
record; :meth:`BatchFold.finish` settles those that may be repeats. The result does not depend on where one batch
ends and the next begins: a property of the stamps (they follow the log), of the join (any order) and of repeats
(only those that say so are looked up, in this batch and in history alike).

What an event says about a doubt (:attr:`Folded.resolutions`) is settled afterwards, in :mod:`resolving`.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ledger.domain.events import (
    GENESIS_KEY,
    Event,
    Lane,
    QuarantineAdmitted,
    QuarantineDiscarded,
    SubjectEvent,
    content_digest,
)
from ledger.domain.rows import Row, merge
from ledger.domain.standing import rows_of
from ledger.errors import MalformedRecord
from ledger.read_model.folding.records import (
    CONFLICTING,
    KILLED_WORKER,
    UNATTRIBUTABLE,
    Decode,
    Folded,
    Partition,
    PartitionOf,
    Place,
    Progress,
    RawRecord,
    Resolution,
    SetAside,
    StandingKey,
    Tallies,
    subject_of,
)
from ledger.read_model.folding.stamping import Stamped, Stamper, history_row, marked, quarantine_row
from ledger.read_model.folding.validity import envelope_reason, is_allowed_in, subject_event_reason

__all__ = ["BatchFold", "EventKey", "merged_standing"]

UNREAD: Final = frozenset(
    {KILLED_WORKER, "malformed_record", "record_too_large", "trailing_bytes", "unknown_schema"}
)
"""Reasons of which the record's row of history knows no more than its bytes."""

EventKey = tuple[bytes, bytes]
"""Subject id and event id: what a repeat is known by, within one controller and lane."""


class _Doubt(NamedTuple):
    """A record that says it may be a repeat; ``place`` is where it stands in the batch."""

    place: int
    key: EventKey
    content: bytes
    rows: tuple[Row, ...]


class BatchFold:
    """Folds consecutive records of one partition.

    ``set_aside`` names offsets that are in doubt whatever this version makes of them.
    """

    def __init__(
        self,
        partition: Partition,
        before: Progress,
        decode: Decode,
        partition_of: PartitionOf,
        *,
        set_aside: SetAside = MappingProxyType({}),
    ) -> None:
        self._stamper = Stamper(partition, before)
        self._partition = partition
        self._decode = decode
        self._partition_of = partition_of
        self._set_aside = set_aside
        self._history: list[tuple[Any, ...]] = []
        self._standing: dict[StandingKey, Row] = {}
        self._quarantine: list[tuple[Any, ...]] = []
        self._doubts: list[_Doubt] = []
        self._firsts: dict[EventKey, tuple[int, bytes]] = {}
        self._resolving: dict[int, Resolution] = {}
        self._resolutions: list[Resolution] = []
        self._tallies = Tallies()

    @property
    def after(self) -> Progress:
        return self._stamper.after

    @property
    def asked(self) -> list[EventKey]:
        """The records that have to be looked up in history before :meth:`finish`."""
        return [doubt.key for doubt in self._doubts]

    @property
    def resolving(self) -> frozenset[int]:
        """Offsets of the events that speak about a doubt: everything before them must be committed first."""
        return frozenset(each.at.offset for each in self._resolving.values())

    def take_all(self, records: Iterable[RawRecord]) -> None:
        for record in records:
            self.take(record)

    def take(self, record: RawRecord) -> None:
        """Stamps, decodes and judges one record; raises ``IntegrityViolation(log_gap)`` if it is not the next."""
        stamped = self._stamper.stamp(record)
        subject_id = subject_of(record.key)
        event, reason = self._read(record, subject_id)
        if reason is None and event is not None:
            self._apply(stamped, subject_id, event)
        else:
            self._refuse(stamped, subject_id, event, reason or UNATTRIBUTABLE)

    def finish(self, earlier: Mapping[EventKey, bytes]) -> Folded:
        """The batch, given the content digests of the first counted records of :attr:`asked` in history."""
        for doubt in self._doubts:
            self._settle(doubt, earlier.get(doubt.key))
        return Folded(
            partition=self._partition,
            before=self._stamper.before,
            after=self._stamper.after,
            history=self._history,
            standing=self._standing,
            quarantine=self._quarantine,
            catalogue=[],
            tallies=self._tallies,
            resolutions=sorted(self._resolutions, key=lambda each: each.at),
        )

    def _read(self, record: RawRecord, subject_id: bytes | None) -> tuple[Any, str | None]:
        if subject_id is None and (self._partition.lane is not Lane.LIVE or record.key != GENESIS_KEY):
            return None, UNATTRIBUTABLE
        aside = self._set_aside.get(record.offset)
        if aside in UNREAD:
            return None, aside
        if record.value is None:
            return None, "malformed_record"
        try:
            event = self._decode(record.value)
        except MalformedRecord as error:
            return None, error.code if subject_id is not None else UNATTRIBUTABLE
        if subject_id is None and not isinstance(event, QuarantineAdmitted | QuarantineDiscarded):
            return None, UNATTRIBUTABLE
        return event, aside or self._reason(event, subject_id)

    def _reason(self, event: Event, subject_id: bytes | None) -> str | None:
        partition = self._partition
        if not is_allowed_in(partition.lane, event):
            return "event_not_allowed_here"
        envelope = event.envelope  # type: ignore[union-attr]  # a genesis is allowed nowhere
        reason = envelope_reason(envelope, partition.controller)
        if reason is not None:
            return reason
        if (
            subject_id is not None
            and self._partition_of(subject_id, partition.partitions) != partition.partition
        ):
            return "wrong_partition"
        return subject_event_reason(event)

    def _apply(self, stamped: Stamped, subject_id: bytes | None, event: SubjectEvent) -> None:
        rows = rows_of(event, self._stamper.as_record(stamped))
        half = rows[0].first or rows[0].second if rows else None
        rank = (None, None) if half is None else (half.rank_ms, half.rank_seq)
        content = content_digest(event)
        index = len(self._history)
        self._history.append(
            history_row(self._partition, stamped, subject_id, event, "counted", rank=rank, content=content)
        )
        if isinstance(event, QuarantineAdmitted | QuarantineDiscarded):
            self._resolving[index] = self._resolution(stamped, subject_id, event)
        key = (subject_id or GENESIS_KEY, event.envelope.event_id)
        # Without a subject nothing is looked up: an entry ends once, however often somebody says so.
        if event.envelope.may_be_repeat and subject_id is not None:
            self._doubts.append(_Doubt(index, key, content, rows))
        else:
            self._count(index, key, content, rows)

    def _resolution(
        self, stamped: Stamped, subject_id: bytes | None, event: QuarantineAdmitted | QuarantineDiscarded
    ) -> Resolution:
        record, partition = event.record, self._partition
        return Resolution(
            log_id=record.log_id,
            place=Place(record.generation, record.lane.number, record.partition, record.offset),
            admits=isinstance(event, QuarantineAdmitted),
            subject_id=subject_id,
            event_id=event.envelope.event_id,
            at=Place(partition.generation, partition.lane.number, partition.partition, stamped.record.offset),
        )

    def _refuse(self, stamped: Stamped, subject_id: bytes | None, event: Event | None, reason: str) -> None:
        row = history_row(self._partition, stamped, subject_id, event, "quarantined")
        self._history.append(row)
        self._quarantine.append(quarantine_row(row, reason))
        quarantined = self._tallies.quarantined
        quarantined[reason] = quarantined.get(reason, 0) + 1
        self._tallies.unattributable += subject_id is None

    def _settle(self, doubt: _Doubt, earlier: bytes | None) -> None:
        if earlier is None:
            first = self._firsts.get(doubt.key)
            if first is not None and first[0] < doubt.place:
                earlier = first[1]
        if earlier is None:
            self._count(doubt.place, doubt.key, doubt.content, doubt.rows)
            return
        row = self._history[doubt.place]
        if earlier == doubt.content:
            self._history[doubt.place] = marked(row, "repeat", keep_body=True)
            self._tallies.repeats += 1
            return
        # Either may be the withdrawal that somebody was told is recorded, so the subject is denied meanwhile.
        row = self._history[doubt.place] = marked(row, "conflicting", keep_body=False)
        self._quarantine.append(quarantine_row(row, CONFLICTING))
        quarantined = self._tallies.quarantined
        quarantined[CONFLICTING] = quarantined.get(CONFLICTING, 0) + 1

    def _count(self, index: int, key: EventKey, content: bytes, rows: tuple[Row, ...]) -> None:
        first = self._firsts.get(key)
        if first is None or index < first[0]:
            self._firsts[key] = (index, content)
        controller_id, subject_id, standing = self._partition.controller_id, key[0], self._standing
        for row in rows:
            standing_key = (controller_id, subject_id, row.row_key)
            held = standing.get(standing_key)
            standing[standing_key] = row if held is None else merge(held, row)
        if index in self._resolving:
            self._resolutions.append(self._resolving[index])
        event_type = self._history[index][8]
        counted = self._tallies.counted
        counted[event_type] = counted.get(event_type, 0) + 1


def merged_standing(batches: Iterable[Folded]) -> dict[StandingKey, Row]:
    """The standing rows of several batches, one for each key: a statement may not touch a row twice.

    Rows of records that were admitted are among them.
    """
    merged: dict[StandingKey, Row] = {}
    for rows in (rows for batch in batches for rows in _standing_of(batch)):
        if not merged:
            merged = dict(rows)
            continue
        for key, row in rows.items():
            held = merged.get(key)
            merged[key] = row if held is None else merge(held, row)
    return merged


def _standing_of(batch: Folded) -> Iterator[dict[StandingKey, Row]]:
    yield batch.standing
    if batch.settled is not None:
        yield batch.settled.standing
