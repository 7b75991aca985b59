"""Records in doubt, as an operator looks at them and decides: listed, read again from the log, admitted, discarded.

The life of a decision: the entry is looked up by its coordinates; the record is read from the log and judged as the
fold will judge it; the event that ends the doubt is appended under the key of the record's subject; and the command
waits until it is folded, since only then the denial ends.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import msgspec

from ledger.domain.events import (
    GENESIS_KEY,
    Capture,
    Envelope,
    Lane,
    QuarantineAdmitted,
    QuarantineDiscarded,
    RecordPlace,
    SubjectEvent,
    Voice,
)
from ledger.domain.identifiers import is_id, screen
from ledger.domain.log_records import RawRecord
from ledger.errors import Conflict, IntegrityViolation, NotFound, Rejected, Unavailable
from ledger.event_log import codec
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appender, Attempt
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name
from ledger.read_model import pool, sql
from ledger.read_model.folding.records import Place
from ledger.read_model.folding.resolving import Entry, entries_at, judge_again

__all__ = ["Coordinates", "EntryLine", "Found", "Resolved", "find", "listed", "resolve"]

APPLICATION_NAME: Final = "ledger-quarantine"
SOURCE: Final = "ledger-cli"
MAX_LISTED: Final = 1_000
APPEND_TIMEOUT_SECONDS: Final = 30.0
FOLDED_TIMEOUT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.1
ID_BYTES: Final = 16
LANES: Final = (Lane.LIVE, Lane.BACKFILL, Lane.CATALOGUE)


class Coordinates(msgspec.Struct, frozen=True, kw_only=True):
    """A record in the newest log of a controller, written ``<controller>/<lane>/<partition>/<offset>``."""

    controller: str
    lane: Lane
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> "Coordinates":
        """The coordinates in ``text``; raises ``Rejected(coordinates_malformed)``."""
        parts = text.split("/")
        lanes = {lane.value: lane for lane in LANES}
        if len(parts) != 4 or parts[1] not in lanes or not is_id(parts[0]):
            raise Rejected("coordinates_malformed")
        if not all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in parts[2:]):
            raise Rejected("coordinates_malformed")
        return cls(controller=parts[0], lane=lanes[parts[1]], partition=int(parts[2]), offset=int(parts[3]))

    def __str__(self) -> str:
        return f"{self.controller}/{self.lane.value}/{self.partition}/{self.offset}"


class EntryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the list. ``denies``: whether somebody is denied by it, as far as anybody can tell whose it is."""

    coordinates: str
    reason: str
    state: str
    recorded_ms: int
    denies: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its record, read again. ``still``: why the record cannot be applied now, None if it can."""

    coordinates: Coordinates
    controller_id: int
    log_id: bytes
    partitions: int
    entry: Entry
    record: RawRecord | None
    event: SubjectEvent | None
    still: str | None

    @property
    def is_open(self) -> bool:
        return self.entry.state == "open"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision came to. ``state`` is the entry's; ``event_id`` None in a dry run."""

    coordinates: str
    decision: str
    state: str
    dry_run: bool
    event_id: str | None = None
    event_at: str | None = None


async def listed(dsn: str, controller: str | None, state: str | None) -> tuple[int, list[EntryLine]]:
    """How many entries there are, and the oldest of them (1,000 at most)."""
    async with _connected(dsn) as connection:
        rows = await connection.fetch(sql.load("quarantine_list"), controller, state, MAX_LISTED)
    lines = [
        EntryLine(
            coordinates=str(
                Coordinates(
                    controller=row["controller"],
                    lane=Lane.of_number(row["lane"]),
                    partition=row["partition"],
                    offset=row["offset"],
                )
            ),
            reason=row["reason"],
            state=row["state"],
            recorded_ms=row["broker_ms"],
            denies=row["has_subject"] and row["state"] == "open",
        )
        for row in rows
    ]
    return (rows[0]["total"] if rows else 0), lines


async def find(bootstrap: str, dsn: str, coordinates: Coordinates) -> Found:
    """The entry at these coordinates and its record.

    Raises ``NotFound`` (``controller_unknown``, ``quarantine_entry_unknown``), ``Unavailable``.
    """
    async with _connected(dsn) as connection:
        log = await connection.fetchrow(sql.load("quarantine_find"), coordinates.controller)
        if log is None:
            raise NotFound("controller_unknown", f"There is no controller {coordinates.controller}.")
        place = _place(coordinates, log["generation"])
        entry = (await entries_at(connection, log["controller_id"], [place])).get(place)
    if entry is None:
        raise NotFound("quarantine_entry_unknown", f"Nothing is in doubt about {coordinates}.")
    record = await _record(bootstrap, coordinates)
    event, still = judge_again(entry, record, coordinates.controller, codec.decode)
    return Found(
        coordinates=coordinates,
        controller_id=log["controller_id"],
        log_id=log["log_id"],
        partitions=log["partitions"],
        entry=entry,
        record=record,
        event=event,
        still=still,
    )


async def resolve(
    bootstrap: str, dsn: str, found: Found, *, admit: bool, author: str, reason: str, dry_run: bool
) -> Resolved:
    """Admits or discards the record, and returns when that is folded.

    Raises ``Conflict(quarantine_entry_closed)``, ``Rejected`` (``quarantine_not_admittable``, ``id_malformed`` or what
    an id must not hold), and ``Unavailable(quarantine_not_folded)`` when the event is on the log and not folded within
    a minute.
    """
    _refuse(found, admit, author, reason)
    decision = "admit" if admit else "discard"
    if dry_run:
        return Resolved(
            coordinates=str(found.coordinates), decision=decision, state=found.entry.state, dry_run=True
        )
    event_id = os.urandom(ID_BYTES)
    partition, offset = await _append(bootstrap, found, _event(found, admit, author, reason, event_id))
    at = f"{found.coordinates.controller}/{Lane.LIVE.value}/{partition}/{offset}"
    return Resolved(
        coordinates=str(found.coordinates),
        decision=decision,
        state=await _folded(dsn, found, partition, offset),
        dry_run=False,
        event_id=event_id.hex(),
        event_at=at,
    )


def _refuse(found: Found, admit: bool, author: str, reason: str) -> None:
    for field, text in (("author", author), ("reason", reason)):
        personal = screen(text)
        if personal is not None:
            raise Rejected(personal, field=field)
        if not is_id(text):
            raise Rejected(
                "id_malformed",
                f"--{field} must be an id: a-z, 0-9, _ . - and at most 64 characters.",
                field=field,
            )
    if not found.is_open:
        raise Conflict("quarantine_entry_closed", f"{found.coordinates} was {found.entry.state} before.")
    if admit and found.still is not None:
        raise Rejected(
            "quarantine_not_admittable",
            f"The record at {found.coordinates} cannot be applied, whoever admits it: {found.still}.",
            reason=found.still,
        )


def _event(
    found: Found, admit: bool, author: str, reason: str, event_id: bytes
) -> QuarantineAdmitted | QuarantineDiscarded:
    envelope = Envelope(
        event_id=event_id,
        act_id=event_id,
        controller=found.coordinates.controller,
        source=SOURCE,
        voice=Voice.CONTROLLER,
        capture=Capture.CLERK,
        waited_ms=0,
    )
    record = RecordPlace(
        log_id=found.log_id,
        generation=found.entry.generation,
        lane=found.entry.lane,
        partition=found.entry.partition,
        offset=found.entry.offset,
    )
    kind = QuarantineAdmitted if admit else QuarantineDiscarded
    return kind(envelope=envelope, record=record, author=author, reason=reason)


async def _append(
    bootstrap: str, found: Found, event: QuarantineAdmitted | QuarantineDiscarded
) -> tuple[int, int]:
    """Partition and offset of the event on the live lane."""
    subject_id = found.entry.subject_id
    partition = found.entry.partition if subject_id is None else partition_of(subject_id, found.partitions)

    def value(attempt: Attempt) -> bytes:
        envelope = msgspec.structs.replace(
            event.envelope, waited_ms=attempt.added_wait_ms, may_be_repeat=attempt.may_be_repeat
        )
        return codec.encode(msgspec.structs.replace(event, envelope=envelope))

    async with Appender(bootstrap, client_id="ledger-quarantine") as appender:
        appended = await appender.append(
            topic_name(found.coordinates.controller, Lane.LIVE),
            partition,
            subject_id or GENESIS_KEY,
            value,
            timeout_s=APPEND_TIMEOUT_SECONDS,
        )
    return appended.partition, appended.offset


async def _folded(dsn: str, found: Found, partition: int, offset: int) -> str:
    """The state of the entry once the event at this offset is folded."""
    key = (found.log_id, found.entry.generation, Lane.LIVE.number, partition)
    limit = time.monotonic() + FOLDED_TIMEOUT_SECONDS
    async with _connected(dsn) as connection:
        while True:
            rows = await connection.fetch(sql.load("read_positions"), *([part] for part in key))
            if rows and rows[0]["next_offset"] > offset:
                break
            if time.monotonic() > limit:
                raise Unavailable(
                    "quarantine_not_folded",
                    f"The event is on the log, in partition {partition} at offset {offset}, and not folded yet.",
                )
            await asyncio.sleep(LOOK_SECONDS)
        entries = await entries_at(connection, found.controller_id, [found.entry.place])
    return entries[found.entry.place].state


async def _record(bootstrap: str, coordinates: Coordinates) -> RawRecord | None:
    """The record, or None when the log does not hold it any more."""
    topic, offset = topic_name(coordinates.controller, coordinates.lane), coordinates.offset
    scanning: Any = scan(bootstrap, topic, coordinates.partition, offset, offset + 1)
    try:
        async with aclosing(scanning) as scanned:
            found = [record async for records in scanned for record in records if record.offset == offset]
    except IntegrityViolation:
        return None
    return found[0] if found else None


def _place(coordinates: Coordinates, generation: int) -> Place:
    return Place(generation, coordinates.lane.number, coordinates.partition, coordinates.offset)


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Any]:
    connection = await pool.connect(dsn, application_name=APPLICATION_NAME, schema="read_model")
    try:
        with pool.translated():
            yield connection
    finally:
        await connection.close(timeout=pool.CONNECT_TIMEOUT_SECONDS)
