"""The life of an act over HTTP: one ``POST /v1/acts`` under one idempotency key until somebody answers.

The intake resolves the person, judges the act by the catalogue, appends it, and answers when all in-sync replicas
have it. A lost answer is asked for again under the same key, so that it is found and not recorded twice. A check
that gets no answer denies.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ledger.domain.decision import Decision, deny
from ledger.domain.identifiers import Identifier
from ledger.errors import FieldReport, Unavailable
from ledger.sdk.answers import (
    Ask,
    HistoryPage,
    Link,
    Outranking,
    RecordedEvent,
    RefusedChoice,
    Saved,
    Standing,
)
from ledger.sdk.http_requests import Requests, answer_unreadable
from ledger.sdk.people import Person, SubjectId, subject_form
from ledger.sdk.rights_requests import ErasureTerms, RequestsPage, RightsRequest, body_of_terms
from ledger.sdk.statements import Statement, body_of, reports_of

__all__ = ["HttpTransport"]

RECORD_SECONDS: Final = 30.0
"""How long an act is tried before the caller hears that nobody acknowledged it."""
ASK_SECONDS: Final = 3.0
"""How long a check is tried before it denies, beside the wait for a position."""
CATALOGUE_SECONDS: Final = 1.0
READ_SECONDS: Final = 15.0
DEFAULT_WAIT_MS: Final = 2_000
"""What the API waits for ``at_least`` where the caller says nothing."""
QUESTIONS_PER_REQUEST: Final = 500
_REQUESTS: Final = "/v1/rights-requests"

AnswerT = TypeVar("AnswerT")


class _Report(msgspec.Struct, frozen=True):
    field: str
    code: str


class _Recorded(msgspec.Struct, frozen=True):
    act: str
    event_id: str
    purpose: str | None = None
    channel: str | None = None
    effective: bool | None = None
    outranked_by: Outranking | None = None
    partition: int | None = None
    offset: int | None = None
    recorded_at: int | None = None
    dropped_fields: tuple[str, ...] = ()
    reports: tuple[_Report, ...] = ()


class _SavedAnswer(msgspec.Struct, frozen=True):
    act_id: str
    position: str
    recorded: tuple[_Recorded, ...]
    repeat: bool = False
    refused: tuple[RefusedChoice, ...] = ()


class _Decisions(msgspec.Struct, frozen=True):
    answers: list[Decision]


class _Subject(msgspec.Struct, frozen=True):
    subject_id: str | None


class ResolvedSubject(msgspec.Struct, frozen=True):
    """A person's subject id in hex. Not ``active``: under erasure, so that only the ledger's intake may record."""

    subject_id: str
    active: bool = True


class LogAnswer(msgspec.Struct, frozen=True):
    """The log that this key's controller writes, and as whom the key speaks.

    The waits are None from an API that is too old to tell them.
    """

    controller: str
    source: str
    log_id: str
    generation: int
    partitions: int
    subject_cache_seconds: float | None = None
    append_deadline_seconds: float | None = None


class CatalogueAnswer(msgspec.Struct, frozen=True):
    """The catalogue in force: ``document`` is its canonical JSON."""

    version: int
    document: str


class HttpTransport:
    """Everything over the API: for callers that know people by address, number or account."""

    def __init__(self, url: str, api_key: str) -> None:
        self._requests = Requests(url, api_key)

    async def record(self, statement: Statement) -> Saved:
        content = await self._requests.send(
            "POST",
            "/v1/acts",
            lambda: body_of(statement),
            deadline_seconds=RECORD_SECONDS,
            headers={"Idempotency-Key": statement.key},
        )
        return _saved(_read(content, _SavedAnswer), statement)

    async def decide(self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None) -> list[Decision]:
        decisions: list[Decision] = []
        for start in range(0, len(asks), QUESTIONS_PER_REQUEST):
            part = asks[start : start + QUESTIONS_PER_REQUEST]
            try:
                decisions += await self._decide_part(part, at_least, wait_ms)
            except Unavailable:
                decisions += [deny(ask.question(), "unavailable") for ask in part]
        return decisions

    async def standing(self, person: Person) -> Standing:
        found = await self.lookup(person)
        if found is None:
            return Standing()
        return await self._get(f"/v1/subjects/{found}/standing", Standing)

    async def history(self, person: Person, cursor: str | None) -> HistoryPage:
        found = await self.lookup(person)
        if found is None:
            return HistoryPage()
        query = "?" + urlencode({"cursor": cursor}, quote_via=quote) if cursor is not None else ""
        return await self._get(f"/v1/subjects/{found}/history{query}", HistoryPage)

    async def link(self, person: Person, other: Person) -> Link:
        body = {"subject": subject_form(person), "other": subject_form(other), "verified": True}
        content = await self._requests.send(
            "POST", "/v1/subjects/link", lambda: body, deadline_seconds=RECORD_SECONDS
        )
        return _read(content, Link)

    async def request_erasure(self, terms: ErasureTerms) -> RightsRequest:
        body = body_of_terms(terms)
        content = await self._requests.send(
            "POST", _REQUESTS, lambda: body, deadline_seconds=RECORD_SECONDS
        )
        return _read(content, RightsRequest)

    async def prove_identity(self, request_id: bytes) -> RightsRequest:
        content = await self._requests.send(
            "POST", f"{_REQUESTS}/{request_id.hex()}/identity", deadline_seconds=READ_SECONDS
        )
        return _read(content, RightsRequest)

    async def rights_request(self, request_id: bytes) -> RightsRequest:
        return await self._get(f"{_REQUESTS}/{request_id.hex()}", RightsRequest)

    async def rights_requests(
        self, state: str | None, overdue: bool | None, cursor: str | None
    ) -> RequestsPage:
        flag = None if overdue is None else str(overdue).lower()
        given = {"state": state, "overdue": flag, "cursor": cursor}
        query = urlencode({name: value for name, value in given.items() if value is not None}, quote_via=quote)
        return await self._get(_REQUESTS + (f"?{query}" if query else ""), RequestsPage)

    async def lookup(self, person: Person) -> str | None:
        """The person's subject id in hex, or None; never makes one."""
        if isinstance(person, SubjectId):
            return person.hex
        return _read(await self._subject("lookup", person), _Subject).subject_id

    async def resolve(self, person: Identifier) -> ResolvedSubject:
        """The person's subject id, made now if there was none."""
        return _read(await self._subject("resolve", person), ResolvedSubject)

    async def catalogue(self) -> CatalogueAnswer:
        """The catalogue in force. Asked for on the way to recording, which goes on without, so not for long."""
        return await self._get("/v1/catalogue", CatalogueAnswer, CATALOGUE_SECONDS)

    async def log(self, seconds: float | None = None) -> LogAnswer:
        """The log that acts go to; asked for at most ``seconds``."""
        return await self._get("/v1/log", LogAnswer, seconds or READ_SECONDS)

    async def aclose(self) -> None:
        await self._requests.aclose()

    async def _decide_part(
        self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None
    ) -> list[Decision]:
        body: dict[str, Any] = {"questions": [_asked(ask) for ask in asks]}
        waits = DEFAULT_WAIT_MS if wait_ms is None else wait_ms
        if at_least is not None:
            body |= {"at_least": at_least, "wait_ms": waits}
        seconds = ASK_SECONDS + (waits / 1000 if at_least is not None else 0)
        content = await self._requests.send("POST", "/v1/decisions", lambda: body, deadline_seconds=seconds)
        answers = _read(content, _Decisions).answers
        if len(answers) != len(asks):
            raise answer_unreadable(ValueError(f"{len(answers)} answers to {len(asks)} questions"))
        return answers

    async def _subject(self, verb: str, person: Identifier) -> bytes:
        body = {"subject": subject_form(person)}
        return await self._requests.send(
            "POST", f"/v1/subjects/{verb}", lambda: body, deadline_seconds=READ_SECONDS
        )

    async def _get(self, path: str, kind: type[AnswerT], seconds: float = READ_SECONDS) -> AnswerT:
        return _read(await self._requests.send("GET", path, deadline_seconds=seconds), kind)


def _read(content: bytes, kind: type[AnswerT]) -> AnswerT:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise answer_unreadable(error) from error


def _asked(ask: Ask) -> dict[str, Any]:
    question = {
        "purpose": ask.purpose,
        "channel": ask.channel,
        "recipient": ask.recipient,
        "category": ask.category,
        "item": ask.item,
    }
    return {"subject": subject_form(ask.person)} | {k: v for k, v in question.items() if v is not None}


def _saved(answer: _SavedAnswer, statement: Statement) -> Saved:
    """The answer, with what never left this process since it could not be written as JSON: told with the first."""
    told = {report.field for recorded in answer.recorded for report in recorded.reports}
    own = [report for report in statement.ignored + reports_of(statement.choices) if report.field not in told]
    events = []
    for recorded in answer.recorded:
        reports = [FieldReport(report.field, report.code) for report in recorded.reports]
        events.append(_recorded_event(recorded, (*reports, *own)))
        own = []
    return Saved(
        act_id=answer.act_id,
        position=answer.position,
        events=tuple(events),
        repeat=answer.repeat,
        refused=statement.refused + answer.refused,
    )


def _recorded_event(recorded: _Recorded, reports: tuple[FieldReport, ...]) -> RecordedEvent:
    return RecordedEvent(
        act=recorded.act,
        event_id=recorded.event_id,
        purpose=recorded.purpose,
        channel=recorded.channel,
        effective=recorded.effective,
        outranked_by=recorded.outranked_by,
        partition=recorded.partition,
        offset=recorded.offset,
        recorded_at=recorded.recorded_at,
        dropped_fields=recorded.dropped_fields,
        reports=reports,
    )
