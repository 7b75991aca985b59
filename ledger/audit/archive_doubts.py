"""Doubts in an exported log: the records that open entries, and what later records say of them, settled in memory.

The rules are those of :mod:`ledger.read_model.folding.resolving`, which looks things up in Postgres; here everything
that they need was kept while the files were read.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ledger.domain.events import content_digest
from ledger.domain.log_records import RawRecord
from ledger.domain.rows import Row
from ledger.domain.standing import rows_of
from ledger.event_log.codec import decode
from ledger.read_model.folding.records import CONFLICTING, Folded, Partition, Place, Resolution
from ledger.read_model.folding.resolving import Entry, is_about, judge_again
from ledger.read_model.folding.stamping import Stamped, as_record

__all__ = ["Admitted", "ArchiveDoubts"]


class Admitted(NamedTuple):
    """A record that joins after all: the rows it adds, and its outcome before and after."""

    subject_id: bytes
    rows: tuple[Row, ...]
    was: str
    outcome: str


class _Open(NamedTuple):
    """An entry with its record, and what counted of its subject before it: content by event id."""

    partition: Partition
    entry: Entry
    record: RawRecord
    outcome: str
    before: Mapping[bytes, bytes]


class ArchiveDoubts:
    """Filled record by record; settled once, when every lane of every partition was read."""

    def __init__(self) -> None:
        self._open: dict[Place, _Open] = {}
        self._said: list[tuple[Partition, Resolution]] = []

    def note_entry(
        self, partition: Partition, history: tuple[Any, ...], record: RawRecord, before: Mapping[bytes, bytes]
    ) -> None:
        """A record in doubt, by its row of history."""
        _, generation, _, number, offset, subject_id, event_id, *_ = history
        outcome: str = history[16]
        entry = Entry(
            generation=generation,
            lane=partition.lane,
            partition=number,
            offset=offset,
            subject_id=subject_id,
            reason=CONFLICTING if outcome == "conflicting" else "",
            event_id=event_id,
            broker_ms=history[10],
            stamp_ms=history[11],
            clock_floor_ms=history[12],
            record_digest=history[18],
            state="open",
            refused_admissions=(),
        )
        self._open[entry.place] = _Open(partition, entry, record, outcome, dict(before))

    def note_said(self, partition: Partition, folded: Folded) -> None:
        """What the events of a batch say about doubts."""
        self._said += [(partition, resolution) for resolution in folded.resolutions]

    def settle(self) -> Iterator[Admitted]:
        """The records that the log admits; the first word about an entry, in the order of its partition, counts."""
        for partition, resolution in self._said:
            doubt = self._open.get(resolution.place)
            if doubt is None or doubt.entry.state != "open" or not is_about(resolution, doubt.entry, partition):
                continue
            if not resolution.admits:
                doubt.entry.state = "discarded"
                continue
            admitted = _judge(doubt)
            if admitted is not None:
                doubt.entry.state = "admitted"
                yield admitted


def _judge(doubt: _Open) -> Admitted | None:
    """What an admission comes to; None when the record still cannot be applied."""
    entry, subject_id = doubt.entry, doubt.entry.subject_id
    event, reason = judge_again(entry, doubt.record, doubt.partition.controller, decode)
    if event is None or reason is not None or subject_id is None:
        return None
    content = content_digest(event)
    earlier = None
    if event.envelope.may_be_repeat and entry.reason != CONFLICTING:
        earlier = doubt.before.get(event.envelope.event_id)
    if earlier is not None and earlier != content:
        entry.reason = CONFLICTING
        return None
    if earlier is not None:
        return Admitted(subject_id, (), doubt.outcome, "repeat")
    where = msgspec.structs.replace(doubt.partition, lane=entry.lane, partition=entry.partition)
    stamped = Stamped(
        doubt.record, entry.broker_ms, entry.stamp_ms, entry.clock_floor_ms, entry.record_digest
    )
    return Admitted(subject_id, rows_of(event, as_record(where, stamped)), doubt.outcome, "counted")
