"""How open doubts end: what a resolution on the log does to the entry it names, and to standing.

*Admitted* means judged again, now: the record is read from the log a second time, and if it is the one of the entry
and can be applied, its rows join at the stamp that it always had. What cannot be applied still cannot, whoever admits
it: the entry stays open. *Discarded* ends the denial and changes nothing else. The first resolution of an entry in the
order of its partition counts; one about no entry, or another log's, changes nothing.

Live and rebuilt agree because an admitted record weighs on no other record: repeats are looked up among those that
counted by themselves, and the admitted one among those before it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ledger.domain.events import Lane, SubjectEvent, content_digest
from ledger.domain.log_records import RawRecord, record_digest
from ledger.domain.rows import merge
from ledger.domain.standing import rows_of
from ledger.errors import MalformedRecord
from ledger.read_model import pool, sql
from ledger.read_model.folding.records import (
    CONFLICTING,
    UNATTRIBUTABLE,
    Decode,
    Ended,
    Partition,
    Place,
    Resolution,
    Settled,
    subject_of,
)
from ledger.read_model.folding.stamping import Stamped, as_record, history_row, marked
from ledger.read_model.folding.validity import envelope_reason, is_allowed_in, subject_event_reason

__all__ = ["Entry", "ReadRecord", "entries_at", "is_about", "judge_again", "settle"]

ReadRecord = Callable[[Lane, int, int], Awaitable[RawRecord | None]]
"""The record at (lane, partition, offset) of the log at hand, or None when the log does not have it any more."""

NOT_THE_RECORD: Final = "log_diverged"
GONE: Final = "log_truncated"

Unable = Mapping[Place, frozenset[bytes]]
"""Event ids of admissions, by entry, that could not be carried out when they were folded: a replay leaves them out."""


class Entry(msgspec.Struct, kw_only=True):
    """A quarantine entry as it stands. ``refused_admissions``: event ids of those that could not be carried out."""

    generation: int
    lane: Lane
    partition: int
    offset: int
    subject_id: bytes | None
    reason: str
    event_id: bytes | None
    broker_ms: int
    stamp_ms: int
    clock_floor_ms: int
    record_digest: bytes
    state: str
    refused_admissions: tuple[bytes, ...]
    resolved_by: Resolution | None = None

    @property
    def place(self) -> Place:
        return Place(self.generation, self.lane.number, self.partition, self.offset)


class _Judged(NamedTuple):
    """What an admission comes to. ``reason``: why the entry stays open; ``history``: the record's new row, if any."""

    reason: str | None
    history: tuple[Any, ...] | None
    rows: tuple[Any, ...] = ()


async def settle(
    connection: Any,
    partition: Partition,
    resolutions: Sequence[Resolution],
    *,
    read: ReadRecord,
    decode: Decode,
    unable: Unable | None = None,
) -> Settled:
    """What these resolutions of one partition, in the order of the log, amount to; writes nothing.

    Everything before them must be committed. Raises ``Unavailable`` when the log or Postgres does not answer.
    """
    entries = await entries_at(connection, partition.controller_id, [each.place for each in resolutions])
    settled, touched = Settled(), dict[Place, Entry]()
    for resolution in resolutions:
        entry = entries.get(resolution.place)
        if entry is None or entry.state != "open" or not is_about(resolution, entry, partition):
            settled.ended.append(Ended(resolution.place, "no_open_entry", None))
            continue
        touched[entry.place] = entry
        if not resolution.admits:
            _resolve(entry, "discarded", resolution)
            settled.ended.append(Ended(entry.place, "discarded", None))
        elif unable is not None and resolution.event_id in unable.get(entry.place, ()):
            entry.refused_admissions += (resolution.event_id,)
        else:
            judged = await _judge(connection, partition, entry, read, decode)
            _admit(settled, partition, entry, resolution, judged)
    settled.entries = [_columns(partition, entry) for entry in touched.values()]
    return settled


async def entries_at(connection: Any, controller_id: int, places: Sequence[Place]) -> dict[Place, Entry]:
    """The entries at these places, of those that there are."""
    columns = [list(column) for column in zip(*dict.fromkeys(places), strict=True)] or [[], [], [], []]
    with pool.translated():
        rows = await connection.fetch(sql.load("quarantine_entries_at"), controller_id, *columns)
    found = (_entry(row) for row in rows)
    return {entry.place: entry for entry in found}


def judge_again(
    entry: Entry, record: RawRecord | None, controller: str, decode: Decode
) -> tuple[SubjectEvent | None, str | None]:
    """The event of a record in doubt and why it still cannot be applied, or None in its place.

    The wrong partition and a used event id are what an operator may decide to look past; nothing else is.
    """
    if record is None:
        return None, GONE
    if record_digest(record.key, record.value, record.timestamp) != entry.record_digest:
        return None, NOT_THE_RECORD
    if entry.subject_id is None or subject_of(record.key) != entry.subject_id:
        return None, UNATTRIBUTABLE
    try:
        event: Any = decode(record.value or b"")
    except MalformedRecord as error:
        return None, error.code
    if not is_allowed_in(entry.lane, event):
        return None, "event_not_allowed_here"
    return event, envelope_reason(event.envelope, controller) or subject_event_reason(event)


async def _judge(
    connection: Any, partition: Partition, entry: Entry, read: ReadRecord, decode: Decode
) -> _Judged:
    record = await read(entry.lane, entry.partition, entry.offset)
    event, reason = judge_again(entry, record, partition.controller, decode)
    if event is None or record is None or reason is not None:
        return _Judged(reason or UNATTRIBUTABLE, None)
    where = msgspec.structs.replace(partition, lane=entry.lane, partition=entry.partition)
    stamped = Stamped(record, entry.broker_ms, entry.stamp_ms, entry.clock_floor_ms, entry.record_digest)
    rows = rows_of(event, as_record(where, stamped))
    content = content_digest(event)
    half = rows[0].first or rows[0].second if rows else None
    rank = (None, None) if half is None else (half.rank_ms, half.rank_seq)
    row = history_row(where, stamped, entry.subject_id, event, "counted", rank=rank, content=content)
    earlier = None
    if event.envelope.may_be_repeat and entry.reason != CONFLICTING:
        earlier = await _counted_before(connection, where, entry, event)
    if earlier is None:
        return _Judged(None, row, rows)
    if earlier == content:
        return _Judged(None, marked(row, "repeat", keep_body=True))
    return _Judged(CONFLICTING, marked(row, "conflicting", keep_body=False))


async def _counted_before(
    connection: Any, where: Partition, entry: Entry, event: SubjectEvent
) -> bytes | None:
    with pool.translated():
        found: bytes | None = await connection.fetchval(
            sql.load("quarantine_counted_before"),
            where.controller_id,
            entry.subject_id,
            event.envelope.event_id,
            entry.lane.number,
            entry.generation,
            entry.partition,
            entry.offset,
        )
    return found


def _admit(
    settled: Settled, partition: Partition, entry: Entry, resolution: Resolution, judged: _Judged
) -> None:
    if judged.history is not None:
        settled.history.append(judged.history)
    if judged.reason is not None:
        entry.refused_admissions += (resolution.event_id,)
        if judged.history is not None:
            # It can be read by now and contradicts another record of its event id, which is a doubt of its own.
            entry.reason, entry.event_id = judged.reason, judged.history[6]
        settled.ended.append(Ended(entry.place, "not_admitted", judged.reason))
        return
    for row in judged.rows:
        key = (partition.controller_id, entry.subject_id or b"", row.row_key)
        held = settled.standing.get(key)
        settled.standing[key] = row if held is None else merge(held, row)
    _resolve(entry, "admitted", resolution)
    settled.ended.append(Ended(entry.place, "admitted", None))


def is_about(resolution: Resolution, entry: Entry, partition: Partition) -> bool:
    """Whether the resolution may speak about this entry: it has the subject's key, or stands in its partition."""
    if resolution.log_id != partition.log_id or entry.generation != partition.generation:
        return False
    if entry.subject_id is None:
        return resolution.subject_id is None and entry.partition == partition.partition
    return resolution.subject_id == entry.subject_id


def _resolve(entry: Entry, state: str, resolution: Resolution) -> None:
    entry.state, entry.resolved_by = state, resolution


def _columns(partition: Partition, entry: Entry) -> tuple[Any, ...]:
    """Of ``quarantine_settle``."""
    by = entry.resolved_by
    at = (None,) * 5 if by is None else (by.event_id, *by.at)
    return (
        partition.controller_id,
        *entry.place,
        entry.state,
        entry.reason,
        entry.event_id,
        *at,
        list(entry.refused_admissions),
    )


def _entry(row: Any) -> Entry:
    return Entry(
        generation=row["generation"],
        lane=Lane.of_number(row["lane"]),
        partition=row["partition"],
        offset=row["offset"],
        subject_id=row["subject_id"],
        reason=row["reason"],
        event_id=row["event_id"],
        broker_ms=row["broker_ms"],
        stamp_ms=row["stamp_ms"],
        clock_floor_ms=row["clock_floor_ms"],
        record_digest=row["record_digest"],
        state=row["state"],
        refused_admissions=tuple(row["refused_admissions"]),
    )
