"""What an operator reads of a rights request: who is silent, what is kept, what happens next."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ledger.cli.request_screen import request_line, request_screen
from ledger.domain.rights_requests import RequestState
from ledger.erasure.requests import HeldView, HolderView, RequestView, StepView

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def holder(name: str, state: str, **fields: Any) -> HolderView:
    made = {
        "holder": name, "order_id": "0a" * 16, "method": "order", "state": state, "attempts": 2,
        "due_at": "2026-12-01T22:59:59.999Z", "sent_at": "2026-11-23T10:00:00.000Z", "answered_at": None,
        "outcome": None, "detail": None, "verification": 0, "required_verification": 3, "overdue": False,
    }  # fmt: skip
    return HolderView(**(made | fields))


def request(**fields: Any) -> RequestView:
    made = {
        "request_id": "7b" * 16, "kind": "erasure", "state": "ordered", "identity": "proven",
        "subject_ids": ("5a" * 16,), "categories": (), "erased_categories": (), "held": (),
        "received_at": "2026-11-20T10:00:00.000Z", "due_at": "2026-12-20T22:59:59.999Z", "extended": False,
        "overdue": False, "refusal": None, "resumes_at": None, "completed_at": None, "waits_for": "holders",
        "holders": (), "steps": (StepView(step="requested", at="2026-11-20T10:00:00.000Z"),),
    }  # fmt: skip
    return RequestView(**(made | fields))


def test_a_silent_holder_and_one_that_answered_are_told_apart() -> None:
    answered = holder(
        "mailing", "verified", outcome="erased", answered_at="2026-11-23T10:00:05.000Z", verification=3
    )
    shown = request_screen(request(holders=(holder("crm", "sent"), answered)), NOW)
    (crm,) = [line for line in shown.splitlines() if line.startswith("  crm")]
    (mailing,) = [line for line in shown.splitlines() if line.startswith("  mailing")]
    assert "SILENT: sent 2 times, last 2026-11-23 10:00:00 UTC, due 2026-12-01" in crm
    assert "erased 2026-11-23 10:00:05 UTC, verification 3 of 3" in mailing
    assert "It waits for the holders to answer." in shown
    assert "waits for crm" in request_line(request(holders=(holder("crm", "sent"), answered)))


def test_a_holder_that_refused_or_let_its_day_pass_cannot_be_overlooked() -> None:
    late = holder("crm", "sent", overdue=True)
    refused = holder("billing", "refused", detail="open_invoice")
    shown = request_screen(request(overdue=True, holders=(late, refused)), NOW)
    assert "OVERDUE since 2026-12-01" in shown
    assert "REFUSED: open_invoice" in shown
    assert "2026-12-20, OVERDUE" in shown
    assert "overdue" in request_line(request(overdue=True))


def test_what_is_kept_stands_with_its_date_and_rule() -> None:
    held = HeldView(hold="invoices", category="contact", until="2033-12-31T22:59:59.999Z")
    shown = request_screen(
        request(
            state="complete", held=(held,), resumes_at=held.until, waits_for=None,
            completed_at="2026-11-21T10:00:00.000Z",
        ),
        NOW,
    )  # fmt: skip
    assert "until 2033-12-31, by the hold invoices" in shown
    assert "What is kept is erased by itself after 2033-12-31." in shown


def test_days_that_are_left_are_counted() -> None:
    assert "2026-12-20, 26 days left" in request_screen(request(), NOW)
    assert "two months more were taken" in request_screen(request(extended=True), NOW)


@pytest.mark.parametrize("state", list(RequestState), ids=lambda state: state.value)
def test_every_state_says_what_happens_next(state: RequestState) -> None:
    closed = "2026-11-21T10:00:00.000Z" if state in (RequestState.COMPLETE, RequestState.REFUSED) else None
    shown = request_screen(request(state=state.value, completed_at=closed, refusal=None), NOW)
    assert shown.splitlines()[-2] == "next"
    assert len(shown.splitlines()[-1].strip()) > 10


def test_an_unproven_request_says_what_it_waits_for() -> None:
    shown = request_screen(
        request(state="requested", identity="unproven", waits_for="proof_of_identity"), NOW
    )
    assert "`ledger requests prove`" in shown


def test_a_code_that_stops_a_request_is_shown_as_it_is() -> None:
    shown = request_screen(msgspec.structs.replace(request(), waits_for="catalogue_malformed"), NOW)
    assert "It waits for catalogue_malformed." in shown
