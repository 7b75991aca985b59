"""The transport of :class:`ledger.sdk.testing.InMemoryLedger`: intake, log, fold and answers in this process."""

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.domain.catalogue import Catalogue
from ledger.domain.decision import Decision, Question, decide, deny, outranking
from ledger.domain.positions import Position
from ledger.domain.standing import rows_of
from ledger.errors import Conflict, FieldReport, Rejected, Unavailable
from ledger.sdk.answers import (
    Ask,
    HistoryPage,
    Outranking,
    RecordedEvent,
    Saved,
    Standing,
)
from ledger.sdk.direct import Part, Parts, Speaker, event_for, parts_of, seen_elsewhere
from ledger.sdk.memory_log import Appended, MemoryLog
from ledger.sdk.memory_views import history_event, outranking_of, standing_row
from ledger.sdk.people import Person
from ledger.sdk.statements import Statement, refused_choice

if TYPE_CHECKING:
    from ledger.sdk.testing import Faults, MovableClock

__all__ = ["MemoryTransport"]

STALENESS_BOUND_MS: Final = 30_000
KEY_LIFE_MS: Final = 7 * 24 * 3600 * 1000
"""As long as the real intake remembers an idempotency key."""
HISTORY_PAGE: Final = 100

_REUSED: Final = FieldReport("idempotency_key", "idempotency_key_reused")


class _Remembered(msgspec.Struct, frozen=True):
    content: bytes
    saved: Saved
    at_ms: int


class MemoryTransport:
    """Does what API, fold and read model do, by the same rules and with no service."""

    def __init__(
        self, catalogue: Catalogue | None, clock: "MovableClock", faults: "Faults", speaker: Speaker
    ) -> None:
        self.catalogue = catalogue
        self.log = MemoryLog()
        self._clock = clock
        self._faults = faults
        self._speaker = speaker
        self._keys: dict[tuple[str, bytes], _Remembered] = {}

    async def record(self, statement: Statement) -> Saved:
        if self._faults.unavailable:
            raise Unavailable("ledger_unavailable")
        now_ms = self._clock.now_ms()
        act_id = secrets.token_bytes(16)
        if (
            self.catalogue is None
            and not statement.has_no
            and any(choice.act.is_yes for choice in statement.choices)
        ):
            raise Rejected("catalogue_missing")
        parts = parts_of(statement, act_id, self.catalogue, now_ms)
        subject = self.log.resolve(statement.person)
        content = _content(subject, statement, parts.recorded)
        held, reused = self._claimed(statement, content, now_ms)
        if held is not None:
            saved = msgspec.structs.replace(held, repeat=True)
        else:
            saved = self._append(subject, statement, act_id, _noes_alone(parts) if reused else parts, reused)
            self._remember(statement, content, saved, now_ms)
        if self._faults.answers_lost:
            raise Unavailable("ledger_unavailable", "The act was recorded, and its answer lost.")
        return saved

    async def decide(self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None) -> list[Decision]:
        if self._faults.unavailable:
            return [deny(ask.question(), "unavailable") for ask in asks]
        wanted = Position() if at_least is None else Position.decode(at_least)
        self._catch_up()
        position, staleness_ms = self.log.folded_position(), self._staleness_ms()
        return [
            msgspec.structs.replace(
                self._answer(ask, wanted, staleness_ms), position=position.encode(), staleness_ms=staleness_ms
            )
            for ask in asks
        ]

    async def standing(self, person: Person) -> Standing:
        self._require_available()
        self._catch_up()
        subject = self.log.lookup(person)
        if subject is None:
            return Standing()
        self.log.require_known(subject)
        return Standing(
            subject_id=subject.hex(),
            position=self.log.folded_position().encode(),
            staleness_ms=self._staleness_ms(),
            rows=tuple(standing_row(row) for row in self.log.rows(subject)),
        )

    async def history(self, person: Person, cursor: str | None) -> HistoryPage:
        self._require_available()
        self._catch_up()
        subject = self.log.lookup(person)
        if subject is None:
            return HistoryPage()
        self.log.require_known(subject)
        start = int(cursor) if cursor is not None and cursor.isdigit() else 0
        found = [appended for appended in self.log.records if appended.subject == subject]
        after = start + HISTORY_PAGE
        return HistoryPage(
            subject_id=subject.hex(),
            events=tuple(history_event(appended) for appended in found[start:after]),
            next_cursor=str(after) if after < len(found) else None,
        )

    async def aclose(self) -> None:
        """Nothing to let go of: what was recorded stays for the test to look at."""

    def _claimed(self, statement: Statement, content: bytes, now_ms: int) -> tuple[Saved | None, bool]:
        """The answer to a repeat, if it is one, and whether the key belongs to another act."""
        first = self._keys.get((statement.key, b""))
        if first is None or now_ms - first.at_ms >= KEY_LIFE_MS:
            return None, False
        if first.content == content:
            return first.saved, False
        if not statement.has_no:
            raise Conflict("idempotency_key_reused")
        again = self._keys.get((statement.key, content))
        return (again.saved if again else None), True

    def _remember(self, statement: Statement, content: bytes, saved: Saved, now_ms: int) -> None:
        first = self._keys.get((statement.key, b""))
        taken = first is not None and now_ms - first.at_ms < KEY_LIFE_MS
        self._keys[(statement.key, content if taken else b"")] = _Remembered(content, saved, now_ms)

    def _append(
        self,
        subject: bytes,
        statement: Statement,
        act_id: bytes,
        parts: Parts,
        reused: bool,
    ) -> Saved:
        appended = []
        for part in parts.recorded:
            event = event_for(
                part,
                statement,
                self._speaker,
                self.log.partition,
                act_id=act_id,
                catalogue=self.catalogue,
                may_be_repeat=False,
            )
            appended.append(self.log.append(subject, event, self._clock.now_ms()))
        self._catch_up()
        own = (_REUSED,) if reused else ()
        events = tuple(
            self._recorded(part, record, own + seen_elsewhere(part, statement, self.log.partition))
            for part, record in zip(parts.recorded, appended, strict=True)
        )
        return Saved(
            act_id=act_id.hex(),
            position=self.log.end_position().encode(),
            events=events,
            refused=parts.refused,
        )

    def _recorded(self, part: Part, appended: Appended, reports: tuple[FieldReport, ...]) -> RecordedEvent:
        effective, outranked_by = self._effect(part, appended)
        coordinates = appended.record.coordinates
        return RecordedEvent(
            act=part.act.act.value,
            event_id=part.event_id.hex(),
            purpose=part.act.purpose,
            channel=part.act.channel,
            effective=effective,
            outranked_by=outranked_by,
            partition=coordinates.partition,
            offset=coordinates.offset,
            recorded_at=appended.record.broker_ms,
            dropped_fields=appended.event.envelope.dropped_fields,
            reports=part.reports + reports,
        )

    def _effect(self, part: Part, appended: Appended) -> tuple[bool | None, Outranking | None]:
        act = part.act
        if not act.is_yes:
            return True, None
        if self._faults.fold_held or self.catalogue is None or act.purpose is None:
            return None, None
        (yes,) = rows_of(appended.event, appended.record)
        question = Question(
            purpose=act.purpose,
            channel=act.channel,
            recipient=act.recipient,
            item=act.item or act.topic,
            category=act.category,
        )
        noes = outranking(self.catalogue, self.log.rows(appended.subject), question, yes)
        return not noes, outranking_of(noes[0]) if noes else None

    def _answer(self, ask: Ask, wanted: Position, staleness_ms: int) -> Decision:
        question = ask.question()
        if not _same_log(wanted, self.log.end_position()) or not wanted.reached_by(self.log.end_position()):
            return deny(question, "position_unknown", catalogue=self.catalogue)
        if not wanted.reached_by(self.log.folded_position()):
            return deny(question, "position_not_reached", catalogue=self.catalogue)
        if staleness_ms > STALENESS_BOUND_MS:
            return deny(question, "stale", catalogue=self.catalogue)
        subject = self.log.lookup(ask.person)
        if subject is None:
            return deny(question, "subject_unknown", catalogue=self.catalogue)
        quarantined = subject in self.log.quarantined
        return decide(
            self.catalogue, self.log.rows(subject), question, self._clock.now_ms(), quarantined=quarantined
        )

    def _catch_up(self) -> None:
        if not self._faults.fold_held:
            self.log.fold()

    def _staleness_ms(self) -> int:
        return STALENESS_BOUND_MS + 1 if self._faults.stale else 0

    def _require_available(self) -> None:
        if self._faults.unavailable:
            raise Unavailable("ledger_unavailable")


def _content(subject: bytes, statement: Statement, parts: Sequence[Part]) -> bytes:
    """What tells a repeat from another act under the same key: everything but times, wait and ``seen``."""
    said = [msgspec.to_builtins(part.act) for part in parts]
    return subject + msgspec.json.encode(
        (statement.voice.value, statement.effective_from, said), order="sorted"
    )


def _noes_alone(parts: Parts) -> Parts:
    """Under a used key the noes are recorded, with ids of their own, and the yeses refused."""
    noes = tuple(part for part in parts.recorded if not part.act.is_yes)
    refused = tuple(
        refused_choice(msgspec.to_builtins(part.act), Conflict("idempotency_key_reused"))
        for part in parts.recorded
        if part.act.is_yes
    )
    return Parts(noes, parts.refused + refused)


def _same_log(wanted: Position, end: Position) -> bool:
    known = {entry.key for entry in end.entries}
    return all(entry.key in known for entry in wanted.entries)
