"""Two names of one person, and what an act came with."""

import asyncio
import secrets

import pytest

from ledger.errors import Rejected
from ledger.sdk import Evidence, Ledger, Person, account, subject_id

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


@pytest.fixture
def member() -> Person:
    """Another name that nobody else has."""
    return account(f"member-{secrets.token_hex(8)}")


async def test_a_name_that_nobody_had_leads_to_the_person_from_then_on(
    ledger: Ledger, anna: Person, member: Person
) -> None:
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    assert (await ledger.check(member, **NEWSLETTER, at_least=saved)).reason == "subject_unknown"
    linked = await ledger.link(anna, member, verified=True)
    assert (linked.outcome, linked.subject_id) == ("attached", linked.other_subject_id)
    assert await ledger.check(member, **NEWSLETTER, at_least=saved)
    saved = await ledger.withdraw(member, **NEWSLETTER)
    assert (await ledger.check(anna, **NEWSLETTER, at_least=saved)).reason == "withdrawn"


async def test_two_who_were_known_are_told_of_each_other_once(
    ledger: Ledger, anna: Person, member: Person
) -> None:
    for person in (anna, member):
        await ledger.withdraw(person, **NEWSLETTER)
    linked = await ledger.link(anna, member, verified=True)
    assert linked.outcome == "joined"
    again = await ledger.link(member, anna, verified=True)
    assert (again.outcome, again.subject_id) == ("already", linked.other_subject_id)
    await ledger.check(anna, **NEWSLETTER, at_least=linked)
    for own, other in (
        (linked.subject_id, linked.other_subject_id),
        (again.subject_id, again.other_subject_id),
    ):
        page = await ledger.history(subject_id(own))
        told = [event for event in page.events if event.type == "IdentifierLinked"]
        assert [event.body["other_subject_id"] for event in told if event.body] == [other]


async def test_nobody_is_linked_on_somebodys_word(ledger: Ledger, anna: Person, member: Person) -> None:
    with pytest.raises(Rejected) as refusal:
        await ledger.link(anna, member, verified=False)
    assert refusal.value.code == "link_unverified"


async def test_an_act_bears_a_commitment_to_what_it_came_with_and_nothing_of_it(
    ledger: Ledger, anna: Person
) -> None:
    evidence = Evidence(ip="203.0.113.77", user_agent="Canary/1.0", form="signup")
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", evidence=evidence)
    assert await ledger.check(anna, **NEWSLETTER, at_least=saved)
    page = await ledger.history(anna)
    (event,) = page.events
    assert event.envelope is not None
    assert len(bytes.fromhex(event.envelope["evidence_commitment"])) == 32
    assert "203.0.113.77" not in str(page) and "Canary" not in str(page)


async def test_evidence_that_cannot_be_used_refuses_a_yes_and_is_reported_by_a_no(
    ledger: Ledger, anna: Person
) -> None:
    evidence = Evidence(ip="next door")
    with pytest.raises(Rejected) as refusal:
        await ledger.grant(anna, **NEWSLETTER, notice="signup@3", evidence=evidence)
    assert refusal.value.code == "evidence_malformed"
    saved = await ledger.withdraw(anna, **NEWSLETTER, evidence=evidence)
    assert ("evidence", "evidence_malformed") in saved.reports


@pytest.mark.slow
async def test_who_is_linked_is_erased_together(ledger: Ledger, anna: Person, member: Person) -> None:
    for person in (anna, member):
        await ledger.withdraw(person, **NEWSLETTER)
    linked = await ledger.link(anna, member, verified=True)
    request = await ledger.request_erasure(anna)
    while request.state != "complete":
        await asyncio.sleep(0.2)
        request = await ledger.rights_request(request.request_id)
    for gone in (linked.subject_id, linked.other_subject_id):
        assert (await ledger.check(subject_id(gone), **NEWSLETTER)).reason == "erased"
    for person in (anna, member):
        assert (await ledger.check(person, **NEWSLETTER)).reason == "subject_unknown"
