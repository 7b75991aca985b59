"""One decision with everything it rests on, as sentences: the rows that stand, the records behind them, open doubts.

Pure. Nothing here names the person: whoever asked knows whom they asked about, and a page that showed subject id
and address side by side would be a second directory (races.md, D26).
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ledger.audit.words import (
    Language,
    captured_words,
    event_words,
    obligation_words,
    outcome_words,
    rank_words,
    reason_words,
    row_words,
    title,
    ui,
)
from ledger.domain.catalogue import Catalogue
from ledger.domain.decision import Decision, Question
from ledger.domain.events import SUBJECT_EVENT_TYPES, Coordinates, Event, Lane
from ledger.domain.moments import moment_text
from ledger.domain.ranks import Record
from ledger.domain.rows import Half, Row
from ledger.domain.scopes import covers, names

__all__ = [
    "Doubt",
    "ExplainedRecord",
    "ExplainedRow",
    "Explanation",
    "HistoryEntry",
    "explained",
    "explained_record",
    "place_of",
]

RECORDS_SHOWN: Final = 50
"""Newest first; the count of the others is told."""


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of history with its decoded event; None where the record could not be read or was set aside."""

    generation: int
    lane: Lane
    partition: int
    offset: int
    broker_ms: int
    stamp_ms: int
    clock_floor_ms: int
    outcome: str
    event: Event | None


class ExplainedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One standing row. ``role``: decides, speaks (to the question) or aside."""

    says: str
    role: str
    shape: str
    counts_from: str
    notice: str | None
    event_ids: tuple[str, ...]


class ExplainedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the log. ``place`` is lane/partition/offset."""

    says: str
    event_type: str | None
    recorded_at: str
    takes_effect_from: str | None
    notice: str | None
    captured: str | None
    outcome: str
    outcome_words: str
    event_id: str | None
    place: str


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """An open quarantine entry of the person: while it is open, everything is denied."""

    place: str
    reason: str
    recorded_at: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer, in one language."""

    language: Language
    question: str
    verdict: str
    decision: Decision
    reason_words: str
    obligations: tuple[str, ...]
    rows: tuple[ExplainedRow, ...]
    records: tuple[ExplainedRecord, ...]
    records_left_out: int
    doubts: tuple[Doubt, ...]


def explained(
    catalogue: Catalogue | None,
    question: Question,
    decision: Decision,
    rows: Sequence[Row],
    history: Sequence[HistoryEntry],
    doubts: Sequence[Doubt],
    language: Language,
    controller: str,
    records_in_all: int | None = None,
) -> Explanation:
    """The explanation of ``decision``. ``history``: the newest records, newest first, of ``records_in_all``."""
    shown = history[:RECORDS_SHOWN]
    return Explanation(
        language=language,
        question=_question_words(catalogue, question, language, controller),
        verdict=ui(language, "yes" if decision else "no"),
        decision=decision,
        reason_words=reason_words(decision, language),
        obligations=tuple(obligation_words(decision, language)),
        rows=_explained_rows(catalogue, question, decision, rows, language),
        records=tuple(explained_record(entry, catalogue, language) for entry in shown),
        records_left_out=(len(history) if records_in_all is None else records_in_all) - len(shown),
        doubts=tuple(doubts),
    )


def place_of(lane: Lane, partition: int, offset: int) -> str:
    """``live/3/17``: where a record stands, for ``ledger audit`` and whoever reads the log."""
    return f"{lane.value}/{partition}/{offset}"


def _question_words(
    catalogue: Catalogue | None, question: Question, language: Language, controller: str
) -> str:
    purpose = catalogue.purposes.get(question.purpose) if catalogue else None
    texts = catalogue.channels.get(question.channel or "") if catalogue else None
    means = ui(language, "by", channel=title(texts, question.channel, language)) if question.channel else ""
    return ui(
        language,
        "question",
        controller=catalogue.controller.title if catalogue else controller,
        purpose=title(purpose.title if purpose else None, question.purpose, language),
        means=means,
    )


def _explained_rows(
    catalogue: Catalogue | None,
    question: Question,
    decision: Decision,
    rows: Iterable[Row],
    language: Language,
) -> tuple[ExplainedRow, ...]:
    deciding = frozenset(decision.deciding_events)
    order = {"decides": 0, "speaks": 1, "aside": 2}
    found = []
    for row in rows:
        event_ids = tuple(half.event_id.hex() for half in _halves(row))
        role = "decides" if deciding.intersection(event_ids) else _role(catalogue, question, row)
        explained_row = ExplainedRow(
            says=row_words(row, catalogue, language),
            role=role,
            shape=row.shape,
            counts_from=rank_words(row.rank.ms, language),
            notice=row.detail.notice if row.detail else None,
            event_ids=event_ids,
        )
        found.append((order[role], -row.rank.ms, row.row_key, explained_row))
    return tuple(entry[-1] for entry in sorted(found, key=lambda entry: entry[:3]))


def _role(catalogue: Catalogue | None, question: Question, row: Row) -> str:
    purpose = catalogue.purposes.get(question.purpose) if catalogue else None
    if catalogue is None or purpose is None or row.shape in ("fact", "remark"):
        return "aside"
    touches = names if row.shape in ("yes", "pair") else covers
    return "speaks" if touches(catalogue, purpose, row, question) else "aside"


def _halves(row: Row) -> Iterable[Half]:
    return (half for half in (row.first, row.second) if half is not None)


def explained_record(entry: HistoryEntry, catalogue: Catalogue | None, language: Language) -> ExplainedRecord:
    """One record as a sentence, with its times and what became of it."""
    event = entry.event
    if not isinstance(event, SUBJECT_EVENT_TYPES):
        says, captured, effective_ms, event_id = ui(language, "unreadable") + ".", None, None, None
    else:
        says = event_words(event, _record(entry), catalogue, language)
        captured = captured_words(event.envelope.capture.value, language)
        effective_ms, event_id = event.envelope.effective_from, event.envelope.event_id.hex()
    return ExplainedRecord(
        says=says,
        event_type=type(event).__name__ if event is not None else None,
        recorded_at=moment_text(entry.broker_ms),
        takes_effect_from=None if effective_ms is None else moment_text(effective_ms),
        notice=getattr(event, "notice", None),
        captured=captured,
        outcome=entry.outcome,
        outcome_words=outcome_words(entry.outcome, language),
        event_id=event_id,
        place=place_of(entry.lane, entry.partition, entry.offset),
    )


def _record(entry: HistoryEntry) -> Record:
    coordinates = Coordinates(
        log_id=b"",
        generation=entry.generation,
        lane=entry.lane,
        partition=entry.partition,
        offset=entry.offset,
    )
    return Record(
        coordinates=coordinates,
        broker_ms=entry.broker_ms,
        stamp_ms=entry.stamp_ms,
        clock_floor_ms=entry.clock_floor_ms,
    )
