"""The life of an act over Kafka: resolved through the API if it names somebody by address, then appended directly.

A person under erasure is recorded for by the intake, which knows how far the erasure has come; and so is an act that
brings evidence, but for a no while the API is down, which goes without.

For first-party services with volume. There is no intake in between, so nobody refuses a reused key (the fold finds
it) and nobody says whether a yes is outranked (a check does). The idempotency key is the event id. Checks, standing,
history and rights requests go over HTTP. Whoever names people by subject id, and gives ``controller`` and ``source`` to
``connect``, goes on recording while the API is down.
"""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.domain.catalogue import Catalogue, parse_document
from ledger.domain.decision import Decision
from ledger.domain.events import Lane
from ledger.domain.evidence import EVIDENCE_NOT_KEPT
from ledger.domain.identifiers import Identifier
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import FieldReport, NotFound, Unavailable
from ledger.event_log.codec import encode
from ledger.event_log.producer import Appended, Attempt
from ledger.sdk.answers import Ask, HistoryPage, Link, RecordedEvent, Saved, Standing
from ledger.sdk.direct import Part, act_id_of, event_for, parts_of, seen_elsewhere
from ledger.sdk.http_requests import answer_unreadable
from ledger.sdk.http_transport import HttpTransport
from ledger.sdk.kafka_log import KafkaLog
from ledger.sdk.kept_catalogue import KeptCatalogue
from ledger.sdk.people import Person
from ledger.sdk.resolved_ids import IdGrownOld, Resolution, Resolved, ResolvedIds
from ledger.sdk.rights_requests import ErasureTerms, RequestsPage, RightsRequest
from ledger.sdk.statements import Statement

__all__ = ["KafkaTransport"]

RECORD_SECONDS: Final = 30.0
"""How long an act is tried before the caller hears that nobody acknowledged it."""


class _Act(NamedTuple):
    """What all events of one act share."""

    statement: Statement
    act_id: bytes
    catalogue: Catalogue | None
    give_up_at: float


class KafkaTransport:
    """Appends to one controller's live topic, and asks over HTTP."""

    def __init__(
        self, bootstrap: str, http: HttpTransport, controller: str | None = None, source: str | None = None
    ) -> None:
        self._http = http
        self._log = KafkaLog(bootstrap, http, controller, source)
        self._ids = ResolvedIds(self._resolve, life_seconds=lambda: self._log.limits.cache_seconds)
        self._catalogue = KeptCatalogue(self._fetch_catalogue)

    async def record(self, statement: Statement) -> Saved:
        if statement.evidence is None:
            return await self._record(statement)
        try:
            # The intake seals it, and has it acknowledged before the event that names it.
            return await self._http.record(statement)
        except Unavailable:
            if any(choice.act.is_yes for choice in statement.choices):
                raise
        ignored = (*statement.ignored, EVIDENCE_NOT_KEPT)
        return await self._record(msgspec.structs.replace(statement, evidence=None, ignored=ignored))

    async def decide(self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None) -> list[Decision]:
        return await self._http.decide(asks, at_least, wait_ms)

    async def standing(self, person: Person) -> Standing:
        return await self._http.standing(person)

    async def history(self, person: Person, cursor: str | None) -> HistoryPage:
        return await self._http.history(person, cursor)

    async def link(self, person: Person, other: Person) -> Link:
        return await self._http.link(person, other)

    async def request_erasure(self, terms: ErasureTerms) -> RightsRequest:
        return await self._http.request_erasure(terms)

    async def prove_identity(self, request_id: bytes) -> RightsRequest:
        return await self._http.prove_identity(request_id)

    async def rights_request(self, request_id: bytes) -> RightsRequest:
        return await self._http.rights_request(request_id)

    async def rights_requests(
        self, state: str | None, overdue: bool | None, cursor: str | None
    ) -> RequestsPage:
        return await self._http.rights_requests(state, overdue, cursor)

    async def aclose(self) -> None:
        await self._log.aclose()
        await self._http.aclose()

    async def _record(self, statement: Statement) -> Saved:
        act_id = act_id_of(statement)
        catalogue = await self._catalogue.current()
        parts, refused = parts_of(statement, act_id, catalogue, time.time_ns() // 1_000_000)
        act = _Act(statement, act_id, catalogue, time.monotonic() + RECORD_SECONDS)
        await self._log.connect(act.give_up_at)
        resolved = await self._ids.of(statement.person)
        if not resolved.active:
            return await self._http.record(statement)
        appended = await self._append_young(act, parts, resolved, may_be_repeat=not statement.key_is_own)
        while appended is None or self._ids.is_old(resolved):
            # Acknowledged too long after the resolve, or not at all: the person may have been erased in between.
            earlier, resolved = resolved, await self._ids.anew(statement.person)
            if not resolved.active:
                return await self._http.record(statement)
            if appended is not None and resolved.subject_id == earlier.subject_id:
                break
            if resolved.subject_id != earlier.subject_id:
                act = act._replace(give_up_at=time.monotonic() + RECORD_SECONDS)
            appended = await self._append_young(act, parts, resolved, may_be_repeat=True)
        partition = self._log.partition(resolved.subject_id)
        return Saved(
            act_id=act_id.hex(),
            position=self._position(resolved, appended).encode(),
            events=tuple(
                _recorded(part, record, seen_elsewhere(part, statement, partition))
                for part, record in zip(parts, appended, strict=True)
            ),
            refused=refused,
        )

    async def _append_young(
        self, act: _Act, parts: Sequence[Part], resolved: Resolved, *, may_be_repeat: bool
    ) -> list[Appended] | None:
        """All events of the act, or None when the id grew too old to be written under."""
        try:
            return await self._append(act, parts, resolved, may_be_repeat=may_be_repeat)
        except IdGrownOld:
            return None

    async def _append(
        self, act: _Act, parts: Sequence[Part], resolved: Resolved, *, may_be_repeat: bool
    ) -> list[Appended]:
        """All events of the act, one after the other: noes first, whatever happens to the rest."""
        partition = self._log.partition(resolved.subject_id)
        appended = []
        for part in parts:

            def value(attempt: Attempt, part: Part = part) -> bytes:
                # Before each attempt: together with the attempt's own deadline it is what an erasure waits for.
                self._ids.require_young(resolved)
                event = event_for(
                    part,
                    act.statement,
                    self._log.speaker,
                    partition,
                    act_id=act.act_id,
                    catalogue=act.catalogue,
                    may_be_repeat=may_be_repeat or attempt.may_be_repeat,
                )
                return encode(event)

            appended.append(await self._log.append(resolved.subject_id, value, act.give_up_at))
        return appended

    def _position(self, resolved: Resolved, appended: Sequence[Appended]) -> Position:
        log_id, generation, partition = self._log.partition(resolved.subject_id)
        last = max(appended, key=lambda record: record.offset)
        entry = PositionEntry(
            log_id=log_id,
            generation=generation,
            lane=Lane.LIVE,
            partition=partition,
            next_offset=last.offset + 1,
            # The stamp is at least this; a lower one only makes a yes that has seen it count earlier.
            stamp_ms=last.broker_ms,
        )
        return Position.of(entry)

    async def _resolve(self, person: Identifier) -> Resolution:
        found = await self._http.resolve(person)
        try:
            return Resolution(bytes.fromhex(found.subject_id), found.active)
        except ValueError as error:
            raise answer_unreadable(error) from error

    async def _fetch_catalogue(self) -> Catalogue | None:
        try:
            answer = await self._http.catalogue()
        except NotFound:
            return None
        return parse_document(answer.document)


def _recorded(part: Part, appended: Appended, reports: tuple[FieldReport, ...]) -> RecordedEvent:
    act = part.act
    return RecordedEvent(
        act=act.act.value,
        event_id=part.event_id.hex(),
        purpose=act.purpose,
        channel=act.channel,
        # A no is never outranked by what came before it; whether a yes is, only who reads standing can say.
        effective=None if act.is_yes else True,
        partition=appended.partition,
        offset=appended.offset,
        recorded_at=appended.broker_ms,
        dropped_fields=part.dropped_names,
        reports=part.reports + reports,
    )
