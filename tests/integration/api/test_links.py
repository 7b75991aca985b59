"""Two names of one person, joined over HTTP."""

import asyncio

import pytest

from tests.support.api import Answer, ApiUnderTest, new_email
from tests.support.opened_vault import OpenedVault

WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}


async def link(api: ApiUnderTest, subject: dict[str, str], other: dict[str, str], **fields: object) -> Answer:
    body = {"subject": subject, "other": other, "verified": True, **fields}
    return await api.post("/v1/subjects/link", body)


@pytest.mark.parametrize("fields", [{"verified": False}, {"verified": None}], ids=["no", "null"])
async def test_an_unverified_link_is_refused(api: ApiUnderTest, fields: dict[str, object]) -> None:
    victim = new_email()
    await api.act(victim, WITHDRAW)
    refused = await link(api, {"email": new_email()}, {"email": victim}, **fields)
    assert refused.status == 422
    assert refused.code == ("link_unverified" if fields["verified"] is False else "field_wrong_type")


async def test_two_people_linked_are_told_on_both_sides_at_one_position(api: ApiUnderTest) -> None:
    one, two = new_email(), new_email()
    await asyncio.gather(api.act(one, WITHDRAW), api.act(two, WITHDRAW))
    linked = await link(api, {"email": one}, {"email": two})
    assert (linked.status, linked.body["outcome"]) == (200, "joined")
    await api.check(one, at_least=linked.body["position"], wait_ms=10_000)
    for own, other in (("subject_id", "other_subject_id"), ("other_subject_id", "subject_id")):
        standing = await api.get(f"/v1/subjects/{linked.body[own]}/standing")
        rows = [row for row in standing.body["rows"] if row["kind"] == "link"]
        assert len(rows) == 1
        history = await api.get(f"/v1/subjects/{linked.body[own]}/history")
        told = next(event for event in history.body["events"] if event["type"] == "IdentifierLinked")
        assert told["body"]["other_subject_id"] == linked.body[other]
    again = await link(api, {"subject_id": linked.body["other_subject_id"]}, {"email": one})
    assert (again.body["outcome"], again.body["position"]) == ("already", linked.body["position"])


async def test_a_new_name_leads_to_the_person_who_proved_it(api: ApiUnderTest) -> None:
    one, phone = new_email(), "+46701234567"
    await api.act(one, WITHDRAW)
    linked = await link(api, {"email": one}, {"phone": phone})
    assert (linked.status, linked.body["outcome"], linked.body["position"]) == (200, "attached", None)
    found = await api.post("/v1/subjects/lookup", {"subject": {"phone": phone}})
    assert found.body["subject_id"] == linked.body["subject_id"] == linked.body["other_subject_id"]


async def test_a_person_under_erasure_is_linked_to_nobody(api: ApiUnderTest, vault: OpenedVault) -> None:
    one, two = new_email(), new_email()
    await asyncio.gather(api.act(one, WITHDRAW), api.act(two, WITHDRAW))
    found = await api.post("/v1/subjects/lookup", {"subject": {"email": two}})
    await vault.set_state(found.body["subject_id"], "blocked")
    refused = await link(api, {"email": one}, {"email": two})
    assert (refused.status, refused.code) == (409, "subject_not_active")


async def test_300_links_at_once_through_six_connections_all_come_through(
    api: ApiUnderTest, vault: OpenedVault
) -> None:
    people = [new_email() for _ in range(60)]
    # Every pair within groups of six, in every order, and names that two claim at once.
    pairs = [
        (people[start + one], people[start + two])
        for start in range(0, 60, 6)
        for one in range(6)
        for two in range(6)
        if one != two
    ]
    assert len(pairs) == 300
    slots = asyncio.Semaphore(100)

    async def one_link(one: str, two: str) -> int:
        async with slots:
            return (await link(api, {"email": one}, {"email": two})).status

    statuses = await asyncio.gather(*(one_link(*pair) for pair in sorted(pairs, key=lambda pair: pair[1])))
    assert set(statuses) == {200}
    for start in range(0, 60, 6):
        found = [
            (await api.post("/v1/subjects/lookup", {"subject": {"email": person}})).body["subject_id"]
            for person in people[start : start + 6]
        ]
        rows = await vault.connections.fetch(
            "select subject_id, other_subject_id from vault.subject_link where subject_id = any($1)",
            [bytes.fromhex(one) for one in set(found)],
        )
        joined = {one for row in rows for one in (row["subject_id"].hex(), row["other_subject_id"].hex())}
        assert joined == (set(found) if len(set(found)) > 1 else set())
