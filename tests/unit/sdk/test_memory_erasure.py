"""Erasure in a ledger in memory, where a test can move the time and hold a request back."""

from datetime import date

import pytest

from ledger.domain.events import ErasureRequested, SubjectBlocked, SubjectErased
from ledger.domain.screening import is_id
from ledger.sdk import Conflict, NotFound, Rejected, Unavailable, email, subject_id
from ledger.sdk.testing import InMemoryLedger, MovableClock
from tests.support.catalogue import small_catalogue

ANNA = email("anna@example.se")
NEWSLETTER = {"purpose": "newsletter", "channel": "email"}
SPRING_2026_MS = 1_772_323_200_000  # 1 March 2026


@pytest.fixture
async def ledger() -> InMemoryLedger:
    """Anna has consented to the newsletter."""
    ledger = InMemoryLedger(small_catalogue(), clock=MovableClock(SPRING_2026_MS))
    await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    return ledger


async def known_as(ledger: InMemoryLedger) -> str:
    found = (await ledger.standing(ANNA)).subject_id
    assert found is not None
    return found


async def test_a_request_that_is_held_back_blocks_and_goes_on_when_it_is_let_go(
    ledger: InMemoryLedger,
) -> None:
    ledger.faults.erasures_held = True
    asked = await ledger.request_erasure(ANNA)
    assert (asked.state, asked.waits_for) == ("blocked", "caches_and_appends")
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "blocked"
    with pytest.raises(Conflict):
        await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    ledger.faults.erasures_held = False
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "subject_unknown"
    assert (await ledger.rights_request(asked.request_id)).is_complete


async def test_an_erasure_waits_for_the_fold(ledger: InMemoryLedger) -> None:
    ledger.faults.fold_held = True
    await ledger.withdraw(ANNA, purpose="sharing")
    asked = await ledger.request_erasure(ANNA)
    assert (asked.state, asked.waits_for) == ("blocked", "fold")
    ledger.faults.fold_held = False
    assert (await ledger.rights_request(asked.request_id)).is_complete
    served = await ledger.notice_served(ANNA, notice="signup@3")
    assert (await ledger.check(ANNA, purpose="sharing", at_least=served)).reason == "suppressed"


async def test_an_erasure_is_told_on_the_log_of_the_old_id(ledger: InMemoryLedger) -> None:
    was = subject_id(await known_as(ledger))
    await ledger.request_erasure(ANNA)
    told = [type(event) for event in ledger.recorded(was)]
    assert [kind for kind in told if kind in (ErasureRequested, SubjectBlocked, SubjectErased)] == [
        ErasureRequested,
        SubjectBlocked,
        SubjectErased,
    ]
    assert ledger.recorded(ANNA) == []


async def test_what_is_held_is_erased_by_itself_once_its_hold_has_ended(ledger: InMemoryLedger) -> None:
    was = await known_as(ledger)
    asked = await ledger.request_erasure(ANNA, holds={"invoices": date(2026, 2, 1)})
    assert [held.category for held in asked.held] == ["contact"]
    ledger.clock.advance(days=7 * 366)
    assert await known_as(ledger) == was
    ledger.clock.advance(days=366)
    assert (await ledger.standing(ANNA)).subject_id is None
    resumed, first = (await ledger.rights_requests()).requests
    assert (resumed.is_complete, resumed.held, first.request_id) == (True, (), asked.request_id)


async def test_a_request_for_what_the_law_keeps_is_refused(ledger: InMemoryLedger) -> None:
    asked = await ledger.request_erasure(ANNA, categories=["contact"], holds={"invoices": "2026-02-01"})
    assert (asked.is_refused, asked.refusal) == (True, "held")
    assert asked.refusal is not None and is_id(asked.refusal)


async def test_an_unproven_request_becomes_overdue_after_a_month(ledger: InMemoryLedger) -> None:
    await ledger.request_erasure(ANNA, identity="unproven")
    assert (await ledger.rights_requests(overdue=True)).requests == ()
    ledger.clock.advance(days=32)
    (late,) = (await ledger.rights_requests(overdue=True)).requests
    assert (await ledger.prove_identity(late.request_id)).is_complete


async def test_erased_twice_every_no_still_holds(ledger: InMemoryLedger) -> None:
    for purpose in ("offers", "survey"):
        await ledger.unsubscribe(ANNA, purpose=purpose, channel="email")
        await ledger.request_erasure(ANNA)
    served = await ledger.notice_served(ANNA, notice="signup@3")
    for purpose in ("offers", "survey"):
        answer = await ledger.check(ANNA, purpose=purpose, channel="email", at_least=served)
        assert answer.reason == "suppressed"


async def test_requests_are_paged_and_a_ledger_that_is_away_takes_none(ledger: InMemoryLedger) -> None:
    for _ in range(51):
        await ledger.request_erasure(ANNA, identity="unproven")
    first = await ledger.rights_requests()
    second = await ledger.rights_requests(cursor=first.next_cursor)
    assert (len(first.requests), len(second.requests), second.next_cursor) == (50, 1, None)
    ledger.faults.unavailable = True
    with pytest.raises(Unavailable) as raised:
        await ledger.request_erasure(ANNA)
    repeated = str(raised.value.context["request_id"])
    ledger.faults.unavailable = False
    assert (await ledger.request_erasure(ANNA, request_id=repeated)).request_id == repeated


async def test_a_call_that_makes_no_sense_is_refused_before_anything_is_sent(ledger: InMemoryLedger) -> None:
    for call, code in (
        (lambda: ledger.request_erasure(ANNA, categories="contact"), "field_wrong_type"),
        (lambda: ledger.request_erasure(ANNA, identity="sure"), "field_wrong_type"),
        (lambda: ledger.request_erasure(ANNA, request_id="anna"), "request_id_malformed"),
        (lambda: ledger.rights_request("anna"), "request_id_malformed"),
        (lambda: ledger.request_erasure("anna@example.se"), "person_untyped"),  # type: ignore[arg-type]
    ):
        with pytest.raises(Rejected) as refused:
            call()
        assert refused.value.code == code
    with pytest.raises(NotFound):
        await ledger.request_erasure(subject_id("ab" * 16))
