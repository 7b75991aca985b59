"""A controller's log and read model in memory: one partition, stamped, folded and answered by the domain's rules."""

import secrets
from collections import defaultdict
from typing import Final, NamedTuple

from ledger.domain.events import SUBJECT_ID_BYTES, Coordinates, Lane, SubjectEvent, content_digest
from ledger.domain.identifiers import Identifier
from ledger.domain.positions import Position, PositionEntry
from ledger.domain.ranks import Record, advance_stamp
from ledger.domain.rows import Row, merge
from ledger.domain.standing import rows_of
from ledger.errors import NotFound
from ledger.sdk.direct import Partition
from ledger.sdk.people import Person, SubjectId

__all__ = ["Appended", "MemoryLog"]

_FIRST_OFFSET: Final = 1
"""Offset 0 of a real partition holds its genesis record."""


class Appended(NamedTuple):
    """One record of the log in memory. ``outcome`` as in history: counted, repeat or conflicting."""

    subject: bytes
    event: SubjectEvent
    record: Record
    outcome: str


class MemoryLog:
    """Appends, folds and answers. ``fold`` is a step of its own, so that a test can hold it back."""

    def __init__(self) -> None:
        self.partition = Partition(secrets.token_bytes(16), 1, 0)
        self.records: list[Appended] = []
        self.quarantined: set[bytes] = set()
        self._folded = 0
        self._stamp_ms = 0
        self._clock_floor_ms = 0
        self._rows: dict[bytes, dict[bytes, Row]] = defaultdict(dict)
        self._directory: dict[Identifier, bytes] = {}
        self._given_out: set[bytes] = set()
        self._blocked: set[bytes] = set()
        self._destroyed: set[bytes] = set()
        self._groups: dict[bytes, frozenset[bytes]] = {}
        self._contents: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}

    def lookup(self, person: Person) -> bytes | None:
        """The person's subject id, if there is one."""
        return person.value if isinstance(person, SubjectId) else self._directory.get(person)

    def resolve(self, person: Person) -> bytes:
        """The person's subject id, made now if there was none; ``NotFound`` for an id that was never given out."""
        if isinstance(person, SubjectId):
            return self.require_known(person.value)
        subject = self._directory.setdefault(person, secrets.token_bytes(SUBJECT_ID_BYTES))
        self._given_out.add(subject)
        return subject

    def require_known(self, subject: bytes) -> bytes:
        """``subject``, if it was given out here; raises ``NotFound(subject_unknown)``."""
        if subject not in self._given_out:
            raise NotFound("subject_unknown")
        return subject

    def names_of(self, subject: bytes) -> list[Identifier]:
        """What the person is called; nobody knows that of somebody who was erased."""
        return [name for name, known in self._directory.items() if known == subject]

    def attach(self, subject: bytes, name: Identifier) -> None:
        """A second name of the subject."""
        self._directory[name] = subject

    def join(self, one: bytes, two: bytes) -> None:
        """Two subjects are one person."""
        group = self.group_of(one) | self.group_of(two)
        for member in group:
            self._groups[member] = group

    def group_of(self, subject: bytes) -> frozenset[bytes]:
        """Every subject id of the person, this one included."""
        return self._groups.get(subject, frozenset([subject]))

    def is_active(self, subject: bytes) -> bool:
        """Whether anything may be granted for the subject."""
        return subject not in self._blocked and subject not in self._destroyed

    def is_destroyed(self, subject: bytes) -> bool:
        return subject in self._destroyed

    def block(self, subject: bytes) -> None:
        """From here on nothing is granted for the subject."""
        self._blocked.add(subject)

    def destroy(self, subject: bytes) -> list[Identifier]:
        """Forgets who the subject is, and says it for the last time."""
        names = self.names_of(subject)
        for name in names:
            del self._directory[name]
        self._destroyed.add(subject)
        return names

    def append(self, subject: bytes, event: SubjectEvent, broker_ms: int) -> Appended:
        """The record, stamped as in a real partition; the first record of an event id counts."""
        self._stamp_ms, self._clock_floor_ms = advance_stamp(self._stamp_ms, self._clock_floor_ms, broker_ms)
        log_id, generation, partition = self.partition
        coordinates = Coordinates(
            log_id=log_id,
            generation=generation,
            lane=Lane.LIVE,
            partition=partition,
            offset=_FIRST_OFFSET + len(self.records),
        )
        record = Record(
            coordinates=coordinates,
            broker_ms=broker_ms,
            stamp_ms=self._stamp_ms,
            clock_floor_ms=self._clock_floor_ms,
        )
        appended = Appended(subject, event, record, self._outcome(subject, event))
        self.records.append(appended)
        return appended

    def fold(self) -> None:
        """Applies every record that was not applied yet."""
        for subject, event, record, outcome in self.records[self._folded :]:
            if outcome == "conflicting":
                self.quarantined.add(subject)
            if outcome != "counted":
                continue
            held = self._rows[subject]
            for row in rows_of(event, record):
                held[row.row_key] = merge(held[row.row_key], row) if row.row_key in held else row
        self._folded = len(self.records)

    def rows(self, subject: bytes) -> tuple[Row, ...]:
        """What has been folded for the person."""
        return tuple(self._rows[subject].values()) if subject in self._rows else ()

    def folded_position(self) -> Position:
        """How far the fold has come."""
        return self._position(self._folded)

    def end_position(self) -> Position:
        """The end of the log."""
        return self._position(len(self.records))

    def _position(self, count: int) -> Position:
        log_id, generation, partition = self.partition
        stamp_ms = self.records[count - 1].record.stamp_ms if count else 0
        entry = PositionEntry(
            log_id=log_id,
            generation=generation,
            lane=Lane.LIVE,
            partition=partition,
            next_offset=_FIRST_OFFSET + count,
            stamp_ms=stamp_ms,
        )
        return Position.of(entry)

    def _outcome(self, subject: bytes, event: SubjectEvent) -> str:
        digest = content_digest(event)
        first = self._contents.setdefault((subject, event.envelope.event_id), (len(self.records), digest))
        if first[0] == len(self.records):
            return "counted"
        return "repeat" if first[1] == digest else "conflicting"
