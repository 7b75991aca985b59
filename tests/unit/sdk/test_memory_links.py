"""Linked people in a ledger in memory: one person to whoever erases, and none to whoever is erased already."""

import pytest

from ledger.domain.linking import MAX_GROUP
from ledger.errors import Conflict
from ledger.sdk import account, email, subject_id
from ledger.sdk.testing import InMemoryLedger
from tests.support.catalogue import small_catalogue

ANNA, MEMBER = email("anna@example.se"), account("member-1")
WITHDRAWN = {"purpose": "newsletter", "channel": "email"}


async def test_who_is_linked_is_erased_together() -> None:
    async with InMemoryLedger(small_catalogue()) as ledger:
        for person in (ANNA, MEMBER):
            await ledger.withdraw(person, **WITHDRAWN)
        linked = await ledger.link(ANNA, MEMBER, verified=True)
        request = await ledger.request_erasure(ANNA)
        assert request.state == "complete"
        # Nobody is told any more whom it was about.
        assert request.subject_ids == ()
        for gone in (linked.subject_id, linked.other_subject_id):
            assert (await ledger.check(subject_id(gone), **WITHDRAWN)).reason == "erased"
        for person in (ANNA, MEMBER):
            assert (await ledger.check(person, **WITHDRAWN)).reason == "subject_unknown"


async def test_nobody_is_linked_to_a_person_under_erasure() -> None:
    async with InMemoryLedger(small_catalogue()) as ledger:
        for person in (ANNA, MEMBER):
            await ledger.withdraw(person, **WITHDRAWN)
        ledger.faults.erasures_held = True
        await ledger.request_erasure(ANNA)
        with pytest.raises(Conflict) as refusal:
            await ledger.link(MEMBER, ANNA, verified=True)
        assert refusal.value.code == "subject_not_active"


async def test_a_name_that_was_let_go_of_brings_its_old_no_along() -> None:
    async with InMemoryLedger(small_catalogue()) as ledger:
        await ledger.opt_out(MEMBER, message_class="marketing", channel="email")
        await ledger.request_erasure(MEMBER)
        await ledger.grant(ANNA, **WITHDRAWN, notice="signup@3")
        linked = await ledger.link(ANNA, MEMBER, verified=True)
        assert linked.outcome == "attached"
        answer = await ledger.check(ANNA, **WITHDRAWN, at_least=linked)
        assert answer.reason == "suppressed"


async def test_a_group_is_bounded() -> None:
    people = [account(f"member-{number}") for number in range(MAX_GROUP + 1)]
    async with InMemoryLedger(small_catalogue()) as ledger:
        for person in people:
            await ledger.withdraw(person, **WITHDRAWN)
        for person in people[1:-1]:
            await ledger.link(people[0], person, verified=True)
        with pytest.raises(Conflict) as refusal:
            await ledger.link(people[0], people[-1], verified=True)
        assert refusal.value.code == "link_group_full"
