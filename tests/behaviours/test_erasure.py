"""A person is forgotten: what the ledger answers afterwards, and what becomes of one who comes back.

One erasure takes as long as ids may be kept and appends may be under way, so all people of this module are erased
together, once for each ledger.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import date
from typing import NamedTuple

import pytest

from ledger.sdk import (
    Conflict,
    Decision,
    Ledger,
    NotFound,
    Person,
    Rejected,
    RightsRequest,
    email,
    subject_id,
)
from ledger.sdk.client import TransportName
from ledger.sdk.testing import InMemoryLedger
from tests.behaviours.asking import blocked, erased, known_as
from tests.behaviours.conftest import TRANSPORTS, Real
from tests.support.catalogue import small_catalogue

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}
OFFERS = {"purpose": "offers", "channel": "email"}
SURVEY = {"purpose": "survey", "channel": "email"}
SHARING = {"purpose": "sharing", "recipient": "acme"}


class Forgotten(NamedTuple):
    """Somebody whose request has been carried out, and the id that they had."""

    person: Person
    was: Person
    request: RightsRequest


class Ledgers(NamedTuple):
    """One ledger, and who was erased in it."""

    ledger: Ledger
    transport: str
    anna: Forgotten
    """Altogether; she had consented to the newsletter, withdrawn profiling and said no to offers."""
    bertil: Forgotten
    """What he reads; he is a customer, and shares both kinds of data."""
    cecilia: Forgotten
    """Altogether, but for what the invoices need."""
    doris: Forgotten
    """Altogether, and she does not come back."""
    meanwhile: Decision
    """What Anna's newsletter was answered while her erasure was under way, when she said no to surveys."""


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """As in the rest of the suite, but one for the whole module."""
    return str(request.param)


@pytest.fixture(scope="module")
def real_or_none(transport: str, request: pytest.FixtureRequest) -> Real | None:
    """The real ledger, started only for the transports that need it."""
    return None if transport == "memory" else request.getfixturevalue("real")


@pytest.fixture(scope="module")
async def after(transport: TransportName, real_or_none: Real | None) -> AsyncIterator[Ledgers]:
    """The ledger after three erasures."""
    real = real_or_none
    if real is None:
        yield await _erase(InMemoryLedger(small_catalogue()), transport)
        return
    opened = Ledger.connect(real.url, real.api_key, transport=transport, bootstrap=real.bootstrap)
    async with opened as ledger:
        yield await _erase(ledger, transport)


async def _erase(ledger: Ledger, transport: str) -> Ledgers:
    people = [_somebody(name) for name in ("anna", "bertil", "cecilia", "doris")]
    anna, bertil, cecilia, doris = people
    await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    await ledger.withdraw(anna, purpose="profiling")
    saved = [await ledger.unsubscribe(anna, **OFFERS)]
    for category in ("contact", "behaviour"):
        saved.append(await ledger.grant(bertil, **SHARING, category=category, notice="signup@3"))
    saved.append(await ledger.grant(cecilia, **SHARING, category="contact", notice="signup@3"))
    saved.append(await ledger.grant(doris, **NEWSLETTER, notice="signup@3"))
    for person, act in ((anna, saved[0]), (bertil, saved[2]), (cecilia, saved[3]), (doris, saved[4])):
        await ledger.check(person, **NEWSLETTER, at_least=act)
    if isinstance(ledger, InMemoryLedger):
        ledger.faults.erasures_held = True
    known = [subject_id(await known_as(ledger, person)) for person in people]
    asked = await asyncio.gather(
        ledger.request_erasure(anna),
        ledger.request_erasure(bertil, categories=["behaviour"]),
        ledger.request_erasure(cecilia, holds={"invoices": date(2026, 3, 1)}),
        ledger.request_erasure(doris),
    )
    await blocked(ledger, asked[0])
    said = await ledger.unsubscribe(anna, **SURVEY)
    meanwhile = await ledger.check(anna, **NEWSLETTER, at_least=said)
    if isinstance(ledger, InMemoryLedger):
        ledger.faults.erasures_held = False
    done = await asyncio.gather(*(erased(ledger, one) for one in asked))
    gone = [Forgotten(person, was, request) for person, was, request in zip(people, known, done, strict=True)]
    return Ledgers(ledger, transport, *gone, meanwhile)


def _somebody(name: str) -> Person:
    return email(f"{name}-{secrets.token_hex(8)}@example.com")


async def test_a_request_tells_every_step_and_never_a_name(after: Ledgers) -> None:
    request = after.anna.request
    steps = [step.step for step in request.steps]
    assert steps[0] == "requested"
    for step in ("identified", "assessed", "blocked", "settled", "destroyed", "ordered", "complete"):
        assert step in steps
    assert request.is_complete
    assert request.subject_ids == (), "whoever knows the request finds the old history by it"
    assert after.anna.person.value not in repr(request)
    assert (request.held, request.silent_holders, request.overdue) == ((), (), False)


async def test_while_it_is_under_way_nothing_is_allowed_and_a_no_is_still_taken(after: Ledgers) -> None:
    assert after.meanwhile.reason == "blocked"
    served = await after.ledger.notice_served(after.anna.person, notice="signup@3")
    answer = await after.ledger.check(after.anna.person, **SURVEY, at_least=served)
    assert answer.reason == "suppressed"


async def test_by_subject_id_the_answer_is_erased_and_by_address_nobody_is_known(after: Ledgers) -> None:
    ledger, doris = after.ledger, after.doris
    by_id = await ledger.check(doris.was, **NEWSLETTER)
    by_name = await ledger.check(doris.person, **NEWSLETTER)
    stranger = await ledger.check(_somebody("nobody"), **NEWSLETTER)
    assert (by_id.reason, by_name.reason, stranger.reason) == ("erased", "subject_unknown", "subject_unknown")
    assert (await ledger.standing(doris.person)).subject_id is None


async def test_standing_and_history_of_the_old_id_stay_and_are_about_nobody(after: Ledgers) -> None:
    standing = await after.ledger.standing(after.doris.was)
    (row,) = [row for row in standing.rows if row.kind == "erasure"]
    assert (row.shape, row.value, row.category) == ("episode", "erased", None)
    types = [event.type for event in (await after.ledger.history(after.doris.was)).events]
    assert types.index("SubjectBlocked") < types.index("SubjectErased")


async def test_nothing_is_granted_to_the_old_id_and_a_no_is_still_taken(after: Ledgers) -> None:
    if after.transport == "kafka":
        # Nobody stands between this producer and the log: the yes is recorded, and counts for nothing.
        saved = await after.ledger.grant(after.doris.was, **NEWSLETTER, notice="signup@3")
        assert (await after.ledger.check(after.doris.was, **NEWSLETTER, at_least=saved)).reason == "erased"
        return
    with pytest.raises(Conflict) as refused:
        await after.ledger.grant(after.doris.was, **NEWSLETTER, notice="signup@3")
    assert refused.value.code == "subject_not_active"
    saved = await after.ledger.withdraw(after.doris.was)
    assert (await after.ledger.check(after.doris.was, **NEWSLETTER, at_least=saved)).reason == "erased"


async def test_whoever_comes_back_is_somebody_new_whose_old_no_still_holds(after: Ledgers) -> None:
    ledger, anna = after.ledger, after.anna.person
    served = await ledger.notice_served(anna, notice="signup@3")
    assert (await ledger.check(anna, **OFFERS, at_least=served)).reason == "suppressed"
    assert (await ledger.check(anna, **NEWSLETTER)).reason == "no_consent"
    assert await known_as(ledger, anna) != after.anna.was.hex
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    assert (await ledger.check(anna, **NEWSLETTER, at_least=saved)).reason == "consent_given"
    lifted = await ledger.opt_in(anna, **OFFERS, seen=saved)
    assert (await ledger.check(anna, **OFFERS, at_least=lifted)).reason == "suppressed"


async def test_an_old_no_yields_to_a_yes_whose_address_was_proved_and_to_nothing_less(after: Ledgers) -> None:
    ledger, anna = after.ledger, after.anna.person
    profiling = {"purpose": "profiling", "notice": "signup@3"}
    seen = await ledger.notice_served(anna, notice="signup@3")
    typed = await ledger.grant(anna, **profiling, seen=seen)
    assert (await ledger.check(anna, purpose="profiling", at_least=typed)).reason == "suppressed"
    proved = await ledger.grant(anna, **profiling, seen=typed, verified=True)
    assert (await ledger.check(anna, purpose="profiling", at_least=proved)).reason == "consent_given"


async def test_an_old_file_does_not_bring_the_person_back(after: Ledgers) -> None:
    ledger, anna = after.ledger, after.anna.person
    for circumstances in ({"capture": "import"}, {"effective_from": "2025-05-01T12:00:00Z"}):
        if after.transport == "kafka":
            # Nobody stands between this producer and the log; the yes is recorded, and counts for nothing.
            await ledger.grant(anna, **SHARING, notice="signup@3", **circumstances)
            continue
        with pytest.raises(Conflict) as refused:
            await ledger.grant(anna, **SHARING, notice="signup@3", **circumstances)
        assert refused.value.code == "erased_before"
    saved = await ledger.withdraw(anna, purpose="delivery", capture="import")
    assert (await ledger.check(anna, **SHARING, at_least=saved)).reason == "no_consent"


async def test_a_partial_erasure_leaves_the_rest_alone(after: Ledgers) -> None:
    ledger, bertil = after.ledger, after.bertil
    assert bertil.request.erased_categories == ("behaviour",)
    left = await ledger.check(bertil.person, **SHARING, category="contact")
    gone = await ledger.check(bertil.person, **SHARING, category="behaviour")
    assert (left.reason, gone.reason) == ("consent_given", "erased")
    assert await known_as(ledger, bertil.person) == bertil.was.hex
    saved = await ledger.grant(bertil.person, **NEWSLETTER, notice="signup@3")
    assert await ledger.check(bertil.person, **NEWSLETTER, at_least=saved)


async def test_what_the_law_keeps_is_kept_until_its_date_for_its_own_use_alone(after: Ledgers) -> None:
    cecilia = after.cecilia
    (held,) = cecilia.request.held
    assert (held.hold, held.category, held.until[:10]) == ("invoices", "contact", "2033-12-31")
    assert cecilia.request.erased_categories == ("behaviour",)
    assert cecilia.request.resumes_at == held.until
    answer = await after.ledger.check(cecilia.person, **SHARING, category="contact")
    assert answer.reason == "held"


async def test_a_repeat_of_a_request_is_the_same_request(after: Ledgers) -> None:
    bertil = after.bertil
    again = await after.ledger.request_erasure(
        bertil.person, categories=["behaviour"], request_id=bertil.request.request_id
    )
    assert (again.request_id, again.completed_at) == (bertil.request.request_id, bertil.request.completed_at)
    with pytest.raises(Conflict) as refused:
        await after.ledger.request_erasure(bertil.person, request_id=bertil.request.request_id)
    assert refused.value.code == "request_id_reused"


async def test_an_unproven_request_freezes_nobody(after: Ledgers) -> None:
    ledger, david = after.ledger, _somebody("david")
    saved = await ledger.grant(david, **NEWSLETTER, notice="signup@3")
    asked = await ledger.request_erasure(david, identity="unproven")
    assert (asked.state, asked.identity) == ("requested", "unproven")
    assert (await ledger.check(david, **NEWSLETTER, at_least=saved)).reason == "consent_given"
    page = await ledger.rights_requests(state="requested")
    assert asked.request_id in [one.request_id for one in page.requests]
    proven = await ledger.prove_identity(asked.request_id)
    assert proven.identity == "proven"


async def test_a_request_that_cannot_be_carried_out_is_refused_at_once(after: Ledgers) -> None:
    ledger = after.ledger
    eva = _somebody("eva")
    for call, error, code in (
        (ledger.request_erasure(eva), NotFound, "subject_unknown"),
        (ledger.request_erasure(after.bertil.person, categories=["telepathy"]), Rejected, "category_unknown"),
        (ledger.request_erasure(after.bertil.person, holds={"whim": "2026-01-01"}), Rejected, "hold_unknown"),
        (ledger.rights_request("00" * 16), NotFound, "request_unknown"),
    ):
        with pytest.raises(error) as refused:
            await call
        assert refused.value.code == code
