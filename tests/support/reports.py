"""A person with a history, as the page of one person is given it: everything that can stand on the page, once."""

from pathlib import Path

import msgspec

from ledger.audit.explanation import HistoryEntry
from ledger.audit.pages.subject_page import Answer, SubjectReport
from ledger.cli.catalogue_files import load_catalogue
from ledger.domain.decision import Question, decide
from ledger.domain.events import (
    Capture,
    ConsentGiven,
    ConsentWithdrawn,
    Coordinates,
    Envelope,
    ErasureAdvanced,
    ErasureRequested,
    HeldCategory,
    Lane,
    NoticeServed,
    ObjectionRaised,
    Scope,
    SubjectBlocked,
    SubjectErased,
    SubjectEvent,
    Voice,
)
from ledger.domain.ranks import Record
from ledger.domain.standing import fold, rows_of
from ledger.erasure.requests import HeldView, HolderView, RequestView, StepView

OMILON = load_catalogue(Path(__file__).parents[2] / "deploy" / "catalogues" / "omilon")
T0 = 1_790_000_000_000
HOUR_MS = 3_600_000
REQUEST = bytes(range(16))


def envelope(number: int, **fields: object) -> Envelope:
    plain = Envelope(
        event_id=bytes([number]) * 16,
        act_id=bytes([number]) * 16,
        controller="omilon",
        source="shop",
        waited_ms=0,
    )
    return msgspec.structs.replace(plain, **fields)


def of_request(number: int) -> Envelope:
    return envelope(number, voice=Voice.CONTROLLER, capture=Capture.SYSTEM, request_id=REQUEST)


LIFE: tuple[SubjectEvent, ...] = (
    NoticeServed(envelope=envelope(1), notice="activities@2", language="sv"),
    ConsentGiven(
        envelope=envelope(2), scope=Scope(purpose="om.newsletter", channel="email"), notice="activities@2"
    ),
    ConsentGiven(
        envelope=envelope(3), scope=Scope(purpose="om.survey", channel="email"), notice="activities@1"
    ),
    ConsentWithdrawn(
        envelope=envelope(4, capture=Capture.LETTER, effective_from=T0 + HOUR_MS),
        scope=Scope(purpose="om.survey", channel="email"),
    ),
    ObjectionRaised(envelope=envelope(5), scope=Scope(purpose="om.improve"), episode_id=bytes(16)),
)
PARTIAL: tuple[SubjectEvent, ...] = (
    ErasureRequested(envelope=of_request(6), categories=("marketing", "invoice"), due_at=T0 + 700 * HOUR_MS),
    SubjectBlocked(envelope=of_request(7), categories=("marketing",)),
    SubjectErased(
        envelope=of_request(8),
        categories=("marketing",),
        held=(HeldCategory(hold="bookkeeping", category="invoice", until_ms=T0 + 60_000 * HOUR_MS),),
    ),
    ErasureAdvanced(
        envelope=of_request(9),
        step="acknowledged",
        holder="crm",
        order_id=bytes(16),
        outcome="erased",
        verification=2,
    ),
)
WHOLE: tuple[SubjectEvent, ...] = (
    ErasureRequested(envelope=of_request(6), due_at=T0 + 700 * HOUR_MS),
    SubjectBlocked(envelope=of_request(7)),
    SubjectErased(envelope=of_request(8)),
)


def request_view(**fields: object) -> RequestView:
    """A partial request with one hold, one answer and one holder that is late."""

    def holder(name: str, **of: object) -> HolderView:
        sent = HolderView(
            holder=name, order_id="00" * 16, method="order", state="sent", attempts=3,
            due_at="2026-10-01T10:00:00.000Z", sent_at="2026-09-22T10:00:00.000Z", answered_at=None, outcome=None,
            detail=None, verification=0, required_verification=2, overdue=False,
        )  # fmt: skip
        return msgspec.structs.replace(sent, **of)

    view = RequestView(
        request_id=REQUEST.hex(), kind="erasure", state="ordered", identity="proven", subject_ids=("11" * 16,),
        categories=("invoice", "marketing"), erased_categories=("marketing",),
        held=(HeldView(hold="bookkeeping", category="invoice", until="2033-12-31T22:59:59.999Z"),),
        received_at="2026-09-22T08:00:00.000Z", due_at="2026-10-22T21:59:59.999Z", extended=True, overdue=True,
        refusal=None, resumes_at="2033-12-31T22:59:59.999Z", completed_at=None, waits_for=None,
        holders=(
            holder("crm", state="verified", answered_at="2026-09-22T11:00:00.000Z", outcome="erased", verification=2),
            holder("mailing_list", overdue=True, required_verification=3),
        ),
        steps=tuple(
            StepView(step=step, at="2026-09-22T09:00:00.000Z")
            for step in ("requested", "identified", "assessed", "blocked", "settled", "destroyed", "ordered")
        ),
    )  # fmt: skip
    return msgspec.structs.replace(view, **fields)


def entry(offset: int, event: SubjectEvent | None, outcome: str = "counted") -> HistoryEntry:
    at_ms = T0 + offset * HOUR_MS
    return HistoryEntry(
        generation=1, lane=Lane.LIVE, partition=3, offset=offset, broker_ms=at_ms, stamp_ms=at_ms, clock_floor_ms=0,
        outcome=outcome, event=event,
    )  # fmt: skip


def report_of(*events: SubjectEvent, **fields: object) -> SubjectReport:
    """The report on a person to whom these events happened, an hour apart."""
    history = [entry(number, event) for number, event in enumerate(events, start=1)]
    rows = tuple(
        fold(row for each in history if each.event for row in rows_of(each.event, _record(each))).values()
    )
    now_ms = T0 + 100 * HOUR_MS
    own, shares = [], []
    for purpose in OMILON.purposes.values():
        for channel in purpose.channels or (None,):
            own.append(Question(purpose=purpose.id, channel=channel))
            shares += [
                Question(purpose=purpose.id, channel=channel, recipient=each) for each in purpose.recipients
            ]
    report = SubjectReport(
        controller="omilon",
        state="known",
        made_ms=now_ms,
        read_up_to_ms=now_ms,
        catalogue=OMILON,
        answers=tuple(_answer(rows, question, now_ms) for question in own),
        shares=tuple(_answer(rows, question, now_ms) for question in shares),
        rows=rows,
        history=tuple(reversed(history)),
        notices=dict(OMILON.notices),
    )
    return msgspec.structs.replace(report, **fields)


def _answer(rows: tuple, question: Question, now_ms: int) -> Answer:
    decision = decide(OMILON, rows, question, now_ms)
    return Answer(question=question, decision=decision, since_ms=T0 if decision.deciding_events else None)


def _record(of: HistoryEntry) -> Record:
    coordinates = Coordinates(log_id=b"x" * 16, generation=1, lane=of.lane, partition=3, offset=of.offset)
    return Record(coordinates=coordinates, broker_ms=of.broker_ms, stamp_ms=of.stamp_ms, clock_floor_ms=0)
