"""One subject's history, told act by act in log order, and what the product answers.

Times are milliseconds after noon. Each act is appended when it is told; ``at`` is broker time.
"""

import hashlib
from typing import Final

from ledger.domain.catalogue import Catalogue
from ledger.domain.decision import Decision, decide
from ledger.domain.events import (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Coordinates,
    Envelope,
    Lane,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    Scope,
    Seen,
    SubjectEvent,
)
from ledger.domain.positions import PositionEntry
from ledger.domain.ranks import Record, advance_stamp
from ledger.domain.rows import Row, fold
from ledger.domain.scopes import Question
from ledger.domain.standing import rows_of
from tests.support.catalogue import small_catalogue

__all__ = ["HOUR", "LOG_ID", "MINUTE", "NOON", "SECOND", "History", "envelope", "record"]

NOON: Final = 1_760_000_000_000
SECOND: Final = 1_000
MINUTE: Final = 60_000
HOUR: Final = 3_600_000
LOG_ID: Final = b"L" * 16
CATALOGUE: Final = small_catalogue("example")


def envelope(number: int = 1, **changed: object) -> Envelope:
    """An envelope with ids of its own; sent at once, the wait measured."""
    event_id = hashlib.sha256(number.to_bytes(4, "big")).digest()[:16]
    fields: dict[str, object] = {
        "event_id": event_id,
        "act_id": event_id,
        "controller": "example",
        "source": "web",
        "waited_ms": 0,
    }
    return Envelope(**(fields | changed))  # type: ignore[arg-type]


def record(
    stamp_ms: int = NOON,
    *,
    offset: int = 5,
    clock_floor_ms: int = 0,
    lane: Lane = Lane.LIVE,
    partition: int = 0,
    generation: int = 1,
) -> Record:
    """A stamped record."""
    coordinates = Coordinates(
        log_id=LOG_ID, generation=generation, lane=lane, partition=partition, offset=offset
    )
    return Record(
        coordinates=coordinates, broker_ms=stamp_ms, stamp_ms=stamp_ms, clock_floor_ms=clock_floor_ms
    )


class History:
    """Acts of one person as records of one partition in each lane."""

    def __init__(self, catalogue: Catalogue = CATALOGUE) -> None:
        self.catalogue = catalogue
        self.records: list[tuple[SubjectEvent, Record]] = []
        self.added: list[Row] = []
        self._lanes: dict[tuple[Lane, int], Record] = {}

    def grant(
        self,
        at: int,
        purpose: str = "newsletter",
        channel: str | None = "email",
        *,
        notice: str = "signup@3",
        expires_at: int | None = None,
        verified: bool = False,
        confirms: bytes | None = None,
        recipient: str | None = None,
        item: str | None = None,
        category: str | None = None,
        **changed: object,
    ) -> Row:
        scope = Scope(purpose=purpose, channel=channel, recipient=recipient, item=item, category=category)
        return self.tell(
            at,
            lambda head: ConsentGiven(
                envelope=head,
                scope=scope,
                notice=notice,
                expires_at=expires_at,
                verified=verified,
                confirms=confirms,
            ),
            **changed,
        )

    def withdraw(self, at: int, scope: Scope | None = None, **changed: object) -> Row:
        about = Scope(purpose="newsletter", channel="email") if scope is None else scope
        return self.tell(at, lambda head: ConsentWithdrawn(envelope=head, scope=about), **changed)

    def refuse(self, at: int, scope: Scope | None = None, **changed: object) -> Row:
        about = Scope(purpose="newsletter", channel="email") if scope is None else scope
        return self.tell(
            at, lambda head: ConsentRefused(envelope=head, scope=about, notice="signup@3"), **changed
        )

    def object_to(self, at: int, scope: Scope, episode_id: bytes | None = None, **changed: object) -> Row:
        return self.tell(
            at,
            lambda head: ObjectionRaised(envelope=head, scope=scope, episode_id=episode_id or head.event_id),
            **changed,
        )

    def prefer(
        self,
        at: int,
        direction: str,
        scope: Scope | None = None,
        *,
        topic: str | None = None,
        message_class: str | None = None,
        **changed: object,
    ) -> Row:
        return self.tell(
            at,
            lambda head: PreferenceSet(
                envelope=head,
                scope=scope or Scope(),
                direction=direction,
                topic=topic,
                message_class=message_class,
            ),
            **changed,
        )

    def serve_notice(self, at: int, notice: str = "signup@3", **changed: object) -> Row:
        return self.tell(at, lambda head: NoticeServed(envelope=head, notice=notice), **changed)

    def tell(
        self, at: int, make: object, *, lane: Lane = Lane.LIVE, generation: int = 1, **changed: object
    ) -> Row:
        """Appends the event that ``make`` gives for an envelope; the row that it writes."""
        before = self._lanes.get((lane, generation), record(NOON - 24 * HOUR, offset=0))
        stamp_ms, floor_ms = advance_stamp(before.stamp_ms, before.clock_floor_ms, NOON + at)
        here = record(
            stamp_ms,
            offset=before.coordinates.offset + 1,
            clock_floor_ms=floor_ms,
            lane=lane,
            generation=generation,
        )
        self._lanes[lane, generation] = here
        event: SubjectEvent = make(envelope(len(self.records) + 1, **changed))  # type: ignore[operator]
        self.records.append((event, here))
        (row,) = rows_of(event, here)
        return row

    def seen(self, lane: Lane = Lane.LIVE) -> Seen:
        """What a screen that is loaded now would show of a lane."""
        last = self._lanes[lane, 1]
        return PositionEntry(
            log_id=LOG_ID,
            generation=1,
            lane=lane,
            partition=0,
            next_offset=last.coordinates.offset + 1,
            stamp_ms=last.stamp_ms,
        ).seen()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The standing, with rows that a later version might have written."""
        told = (row for event, here in self.records for row in rows_of(event, here))
        return tuple(fold([*told, *self.added]).values())

    def ask(
        self,
        purpose: str = "newsletter",
        channel: str | None = "email",
        *,
        now: int = 24 * HOUR,
        quarantined: bool = False,
        recipient: str | None = None,
        item: str | None = None,
        category: str | None = None,
    ) -> Decision:
        """The decision at ``now`` (ms after noon), a day later unless said."""
        question = Question(
            purpose=purpose, channel=channel, recipient=recipient, item=item, category=category
        )
        return decide(self.catalogue, self.rows, question, NOON + now, quarantined=quarantined)
