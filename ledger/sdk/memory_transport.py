"""The transport of :class:`ledger.sdk.testing.InMemoryLedger`: intake, log, fold and answers in this process."""

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.domain.carrying import erased_before, is_overtaken
from ledger.domain.catalogue import Catalogue
from ledger.domain.decision import Decision, Question, decide, deny, outranking
from ledger.domain.evidence import EVIDENCE_NOT_KEPT, SALT_BYTES, commitment_of
from ledger.domain.positions import Position
from ledger.domain.standing import rows_of
from ledger.errors import Conflict, FieldReport, LedgerError, Rejected, Unavailable
from ledger.sdk.answers import (
    Ask,
    HistoryPage,
    Link,
    Outranking,
    RecordedEvent,
    Saved,
    Standing,
)
from ledger.sdk.direct import Part, Parts, Speaker, event_for, parts_of, seen_elsewhere
from ledger.sdk.memory_erasures import MemoryErasures
from ledger.sdk.memory_keys import MemoryKeys, content_of
from ledger.sdk.memory_links import linked
from ledger.sdk.memory_log import Appended, MemoryLog
from ledger.sdk.memory_views import history_event, outranking_of, standing_row
from ledger.sdk.people import Person, SubjectId
from ledger.sdk.rights_requests import ErasureTerms, RequestsPage, RightsRequest
from ledger.sdk.statements import Statement, refused_choice

if TYPE_CHECKING:
    from ledger.sdk.testing import Faults, MovableClock

__all__ = ["MemoryTransport"]

STALENESS_BOUND_MS: Final = 30_000
HISTORY_PAGE: Final = 100

_REUSED: Final = FieldReport("idempotency_key", "idempotency_key_reused")


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
        self._erasures = MemoryErasures(
            self.log, clock, faults, speaker.controller, lambda: self.catalogue
        )
        self._keys = MemoryKeys()

    async def record(self, statement: Statement) -> Saved:
        if self._faults.unavailable:
            raise Unavailable("ledger_unavailable")
        self._erasures.advance()
        now_ms = self._clock.now_ms()
        act_id = secrets.token_bytes(16)
        if (
            self.catalogue is None
            and not statement.has_no
            and any(choice.act.is_yes for choice in statement.choices)
        ):
            raise Rejected("catalogue_missing")
        parts = self._without_old_yeses(statement, parts_of(statement, act_id, self.catalogue, now_ms))
        subject = self._resolved(statement.person)
        if not self.log.is_active(subject):
            parts = _noes_alone(parts, Conflict("subject_not_active"))
        content = content_of(subject, statement, parts.recorded)
        held, reused = self._keys.claimed(statement, content, now_ms)
        if held is not None:
            saved = msgspec.structs.replace(held, repeat=True)
        else:
            if reused:
                parts = _noes_alone(parts, Conflict("idempotency_key_reused"))
            saved = self._append(subject, statement, act_id, parts, reused)
            self._keys.remember(statement, content, saved, now_ms)
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

    async def link(self, person: Person, other: Person) -> Link:
        self._require_available()
        self._erasures.advance()
        now_ms, controller = self._clock.now_ms(), self._speaker.controller
        return linked(self.log, controller, now_ms, person, other, self._erasures.carry)

    async def request_erasure(self, terms: ErasureTerms) -> RightsRequest:
        self._require_available()
        return self._erasures.open(terms)

    async def prove_identity(self, request_id: bytes) -> RightsRequest:
        self._require_available()
        return self._erasures.prove(request_id)

    async def rights_request(self, request_id: bytes) -> RightsRequest:
        self._require_available()
        return self._erasures.show(request_id)

    async def rights_requests(
        self, state: str | None, overdue: bool | None, cursor: str | None
    ) -> RequestsPage:
        self._require_available()
        return self._erasures.listed(state, overdue, cursor)

    async def aclose(self) -> None:
        """Nothing to let go of: what was recorded stays for the test to look at."""

    def _resolved(self, person: Person) -> bytes:
        """The person's subject id; one who comes back has it once what outlived the erasure is on the log."""
        is_new = self.log.lookup(person) is None
        subject = self.log.resolve(person)
        if is_new and not isinstance(person, SubjectId):
            self._erasures.carry(subject, person)
        return subject

    def _without_old_yeses(self, statement: Statement, parts: Parts) -> Parts:
        """The parts, without the yeses that an erasure of the person has overtaken."""
        person = statement.person
        names = self.log.names_of(person.value) if isinstance(person, SubjectId) else [person]
        erased_before_ms = erased_before(self._erasures.kept(names))
        overtaken = any(
            is_overtaken(
                erased_before_ms, statement.capture, statement.effective_from, verified=part.act.verified
            )
            for part in parts.recorded
            if part.act.is_yes
        )
        return _noes_alone(parts, Conflict("erased_before")) if overtaken else parts

    def _append(
        self,
        subject: bytes,
        statement: Statement,
        act_id: bytes,
        parts: Parts,
        reused: bool,
    ) -> Saved:
        kept = statement.evidence is not None and self.log.is_active(subject)
        commitment = _commitment(statement) if kept else None
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
                commitment=commitment,
            )
            appended.append(self.log.append(subject, event, self._clock.now_ms()))
        self._catch_up()
        own: tuple[FieldReport, ...] = (_REUSED,) if reused else ()
        if statement.evidence is not None and not kept:
            own += (EVIDENCE_NOT_KEPT,)
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
        self._erasures.advance()
        if not self._faults.fold_held:
            self.log.fold()

    def _staleness_ms(self) -> int:
        return STALENESS_BOUND_MS + 1 if self._faults.stale else 0

    def _require_available(self) -> None:
        if self._faults.unavailable:
            raise Unavailable("ledger_unavailable")


def _commitment(statement: Statement) -> bytes | None:
    """The commitment to the evidence of an act. Nobody keeps the evidence itself here, so nobody needs the salt."""
    if statement.evidence is None:
        return None
    return commitment_of(secrets.token_bytes(SALT_BYTES), statement.evidence)


def _noes_alone(parts: Parts, error: LedgerError) -> Parts:
    """The noes, with ids of their own, and the yeses refused for ``error``, which is raised where there is no no."""
    noes = tuple(part for part in parts.recorded if part.act.is_protective)
    if not noes and parts.recorded:
        raise error
    refused = tuple(
        refused_choice(msgspec.to_builtins(part.act), error)
        for part in parts.recorded
        if not part.act.is_protective
    )
    return Parts(noes, parts.refused + refused)


def _same_log(wanted: Position, end: Position) -> bool:
    known = {entry.key for entry in end.entries}
    return all(entry.key in known for entry in wanted.entries)
