"""``POST /v1/decisions``: may this be done with these people's data?

The codes before the first rule, in order: unavailable, log_refused, position_unknown, position_not_reached, stale,
quarantined. A store that is away is an answer here and not an error: whoever asks must deny either way.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from ledger import metrics
from ledger.api.calls import Call, now_ms
from ledger.api.logs import Log
from ledger.api.people import SubjectForm, named
from ledger.api.positions import position_in
from ledger.domain.decision import Decision, Question, decide, deny
from ledger.domain.events import Lane
from ledger.domain.positions import PartitionKey, Position, PositionEntry
from ledger.domain.reasons import MASKED_REASON, NO_REASONS
from ledger.errors import Rejected, Unavailable
from ledger.read_model.reader import SubjectKey, SubjectView
from ledger.read_model.records import CatalogueVersion

__all__ = ["DecisionsAnswer", "DecisionsBody", "QuestionForm", "masked", "post_decisions"]

MAX_QUESTIONS: Final = 500
DEFAULT_WAIT_MS: Final = 2_000
MAX_WAIT_MS: Final = 10_000


class QuestionForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May this be done? ``channel`` is needed where the purpose has channels."""

    subject: SubjectForm
    purpose: str
    channel: str | None = None
    recipient: str | None = None
    item: str | None = None
    category: str | None = None


class DecisionsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """1 to 500 questions. ``at_least`` is a position to wait for, at most ``wait_ms`` (2,000; at most 10,000)."""

    questions: list[QuestionForm]
    at_least: str | None = None
    wait_ms: int | None = None


class DecisionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer for each question, in order."""

    answers: list[Decision]


class _Asked(NamedTuple):
    """A question about a subject; ``key`` is None where nobody is known by that name."""

    question: Question
    key: SubjectKey | None


async def post_decisions(call: Call) -> DecisionsAnswer:
    """Answers every question; 200 with denies also when Postgres is away."""
    began = time.perf_counter()
    body: DecisionsBody = call.body
    if not 1 <= len(body.questions) <= MAX_QUESTIONS:
        raise Rejected("questions_count", path="$.questions", limit=MAX_QUESTIONS)
    wait_ms = DEFAULT_WAIT_MS if body.wait_ms is None else body.wait_ms
    if not 0 <= wait_ms <= MAX_WAIT_MS:
        detail = f"At $.wait_ms: Expected `int` from 0 to {MAX_WAIT_MS}."
        raise Rejected("field_wrong_type", detail, path="$.wait_ms", limit=MAX_WAIT_MS)
    at_least = position_in(body.at_least, "at_least") if body.at_least is not None else Position()
    people = [named(form.subject, f"$.questions[{i}].subject") for i, form in enumerate(body.questions)]
    questions = [_question(form) for form in body.questions]
    try:
        if not call.confirmed:
            raise Unavailable("postgres_unavailable")
        log, ids = await asyncio.gather(
            call.services.logs.of(call.caller), call.services.people.lookup(call.caller, people)
        )
        asked = [_Asked(question, _key(call, log, who)) for question, who in zip(questions, ids, strict=True)]
        answers = await _answers(call, log, asked, at_least, wait_ms / 1000)
    except Unavailable:
        answers = [deny(question, "unavailable") for question in questions]
    if not call.may_read:
        answers = [masked(answer) for answer in answers]
    _count(answers, began, at_position=body.at_least is not None)
    return DecisionsAnswer(answers=answers)


def masked(decision: Decision) -> Decision:
    """The answer for a caller that may not read: one code for every no, or it would tell of the person's past.

    Which event decided and which text it was said to tell as much, so they go with the reason.
    """
    if decision.reason not in NO_REASONS:
        return decision
    return msgspec.structs.replace(decision, reason=MASKED_REASON, deciding_events=(), notice=None)


async def _answers(
    call: Call, log: Log, asked: Sequence[_Asked], at_least: Position, wait_seconds: float
) -> list[Decision]:
    bound_ms = int(call.services.settings.staleness_bound_seconds * 1000)
    keys = [one.key for one in asked if one.key is not None]
    views: Mapping[SubjectKey, SubjectView] = await call.services.reader.views(keys) if keys else {}
    foreign, beyond = not _is_of(log, at_least), frozenset[SubjectKey]()
    if at_least.entries and not foreign:
        views, beyond = await _at_least(call, log, views, at_least, wait_seconds, bound_ms)
    return [
        await _decision(call, one, views, at_least, bound_ms, unknown=foreign or one.key in beyond)
        for one in asked
    ]


async def _at_least(
    call: Call,
    log: Log,
    views: Mapping[SubjectKey, SubjectView],
    at_least: Position,
    wait_seconds: float,
    bound_ms: int,
) -> tuple[Mapping[SubjectKey, SubjectView], frozenset[SubjectKey]]:
    """The views once they have reached ``at_least``, or as they are after the wait; and those that never can."""
    behind = {
        key: missing
        for key, view in views.items()
        if (missing := _missing(view, at_least)) and not view.refused and not _is_stale(view, bound_ms)
    }
    if not behind:
        return views, frozenset()
    targets = {entry.key: entry.next_offset for missing in behind.values() for entry in missing}
    if wait_seconds > 0 and await call.services.watch.reach(targets, wait_seconds):
        return {**views, **await call.services.reader.views(behind)}, frozenset()
    beyond = await _beyond(call, log, targets)
    renewed = await call.services.reader.views(behind)
    unknown = {key for key, missing in behind.items() if any(entry.key in beyond for entry in missing)}
    return {**views, **renewed}, frozenset(unknown)


async def _beyond(call: Call, log: Log, targets: Mapping[PartitionKey, int]) -> set[PartitionKey]:
    """The partitions that do not even have so many records."""
    reached = await asyncio.gather(
        *(call.services.ends.reaches(log, key, next_offset) for key, next_offset in targets.items())
    )
    return {key for key, found in zip(targets, reached, strict=True) if not found}


async def _decision(
    call: Call,
    asked: _Asked,
    views: Mapping[SubjectKey, SubjectView],
    at_least: Position,
    bound_ms: int,
    *,
    unknown: bool,
) -> Decision:
    if asked.key is None:
        return deny(asked.question, "position_unknown" if unknown else "subject_unknown")
    view, now = views[asked.key], now_ms()
    staleness_ms = view.staleness_ms(now)
    reason = _reason_before_rules(view, at_least, staleness_ms, bound_ms, unknown=unknown)
    if reason is not None:
        decision = deny(asked.question, reason)
    else:
        version = view.catalogue_version, view.catalogue_digest
        known = None if None in version else CatalogueVersion(*version)  # type: ignore[arg-type]
        catalogue = await call.services.catalogues.version(asked.key.controller_id, known)
        stamp_ms = view.live.stamp_ms if view.live is not None else 0
        decision = decide(
            catalogue, view.rows, asked.question, max(now, stamp_ms), quarantined=view.quarantined
        )
    return msgspec.structs.replace(decision, position=view.position().encode(), staleness_ms=staleness_ms)


def _reason_before_rules(
    view: SubjectView, at_least: Position, staleness_ms: int | None, bound_ms: int, *, unknown: bool
) -> str | None:
    if view.refused:
        return "log_refused"
    if unknown:
        return "position_unknown"
    if _missing(view, at_least):
        return "position_not_reached"
    if staleness_ms is None or staleness_ms > bound_ms:
        return "stale"
    return None


def _missing(view: SubjectView, at_least: Position) -> list[PositionEntry]:
    """The entries that bear on this subject and are not folded: its own partition's and the catalogue's."""
    return [entry for entry in at_least.entries if _bears_on(entry, view.key) and _is_ahead(entry, view)]


def _bears_on(entry: PositionEntry, key: SubjectKey) -> bool:
    return entry.lane is Lane.CATALOGUE or entry.partition == key.partition


def _is_ahead(entry: PositionEntry, view: SubjectView) -> bool:
    state = view.lane(entry.lane)
    return state is None or state.next_offset < entry.next_offset


def _is_stale(view: SubjectView, bound_ms: int) -> bool:
    staleness_ms = view.staleness_ms(now_ms())
    return staleness_ms is None or staleness_ms > bound_ms


def _is_of(log: Log, position: Position) -> bool:
    """Whether every entry names a partition of this log and generation that a fold reads."""
    return all(
        (entry.log_id, entry.generation) == (log.log_id, log.generation)
        and entry.lane is not Lane.EVIDENCE
        and 0 <= entry.partition < (1 if entry.lane is Lane.CATALOGUE else log.partitions)
        for entry in position.entries
    )


def _key(call: Call, log: Log, subject_id: bytes | None) -> SubjectKey | None:
    if subject_id is None:
        return None
    partition = log.partition_of(subject_id)
    return SubjectKey(call.caller.controller_id, log.log_id, log.generation, partition, subject_id)


def _question(form: QuestionForm) -> Question:
    return Question(
        purpose=form.purpose,
        channel=form.channel,
        recipient=form.recipient,
        item=form.item,
        category=form.category,
    )


def _count(answers: Iterable[Decision], began: float, *, at_position: bool) -> None:
    for answer in answers:
        outcome = "allow" if answer.allowed else "deny"
        metrics.DECISIONS.labels(outcome=outcome, reason=answer.reason).inc()
    consistency = "at_position" if at_position else "now"
    metrics.DECISION_DURATION.labels(consistency=consistency).observe(time.perf_counter() - began)
