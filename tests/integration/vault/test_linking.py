"""Two names of one person: joined once, told on both sides, and never across an erasure."""

import asyncio
import itertools
import random
from typing import Any

import pytest

from ledger.domain.envelope import Scope
from ledger.domain.events import IdentifierLinked, SuppressionCarried
from ledger.domain.identifiers import account, email, phone
from ledger.domain.linking import MAX_GROUP
from ledger.errors import Conflict, NotFound, Unavailable
from ledger.vault.carrying import Resolver
from ledger.vault.directory import Controller, Directory
from ledger.vault.linking import Linking, Outcome
from ledger.vault.links import group_of
from ledger.vault.secrets import Secrets
from tests.support.coming_back import Gate, on_the_log, opt_out_of, remember

pytestmark = pytest.mark.services

ANNA, PHONE, MEMBER = email("anna@example.se"), phone("+46701234567"), account("member-1")
MARKETING = opt_out_of(Scope(channel="email"), message_class="marketing")


@pytest.fixture
def vault(shared_vault: Any) -> Any:
    """One vault for all of them: each has a controller of its own in it."""
    return shared_vault


async def count(vault: Any, controller: Controller, table: str, where: str = "true") -> int:
    """The rows of this controller in a table of the vault."""
    found: int = await vault.fetchval(
        f"select count(*) from vault.{table} where controller_id = $1 and {where}", controller.id
    )
    return found


async def block(vault: Any, controller: Controller, subject_id: bytes) -> None:
    """What an erasure does first: the whole group is locked, then blocked."""
    async with vault.acquire() as connection, connection.transaction():
        group = await group_of(connection, controller.id, subject_id, lock=True)
        await connection.execute(
            "update vault.subject set state = 'blocked' where controller_id = $1 and subject_id = any($2)",
            controller.id,
            list(group),
        )


async def group(vault: Any, controller: Controller, subject_id: bytes) -> tuple[bytes, ...]:
    async with vault.acquire() as connection:
        return await group_of(connection, controller.id, subject_id, lock=False)


async def test_a_name_that_nobody_has_becomes_the_subjects(
    linking: Linking, directory: Directory, resolver: Resolver, logged: Controller, stack: Any
) -> None:
    (anna,) = await resolver.resolve(logged, [ANNA])
    linked = await linking.link(logged, ANNA, PHONE)
    assert (linked.outcome, linked.subject_id, linked.other_subject_id) == (
        Outcome.ATTACHED,
        anna.subject_id,
        anna.subject_id,
    )
    (found,) = await directory.lookup(logged, [PHONE])
    assert found is not None and found.subject_id == anna.subject_id
    assert set(await directory.identifiers_of(logged, anna.subject_id)) == {ANNA, PHONE}
    # The log knows no names, so there is nothing to say on it.
    assert await on_the_log(stack.bootstrap, logged.name) == []
    assert (await linking.link(logged, PHONE, ANNA)).outcome is Outcome.ALREADY


async def test_it_does_not_matter_which_of_the_two_is_known(
    linking: Linking, directory: Directory, resolver: Resolver, logged: Controller, vault: Any
) -> None:
    (anna,) = await resolver.resolve(logged, [ANNA])
    assert (await linking.link(logged, PHONE, ANNA)).subject_id == anna.subject_id
    strangers = await linking.link(logged, account("one"), account("two"))
    assert strangers.outcome is Outcome.ATTACHED
    assert await count(vault, logged, "subject") == 2


async def test_two_subjects_become_one_person_and_both_logs_say_so(
    linking: Linking, resolver: Resolver, logged: Controller, vault: Any, stack: Any
) -> None:
    anna, member = await resolver.resolve(logged, [ANNA, MEMBER])
    linked = await linking.link(logged, ANNA, MEMBER)
    assert linked.outcome is Outcome.JOINED
    told = await on_the_log(stack.bootstrap, logged.name)
    sides = {key: event for key, event in told if isinstance(event, IdentifierLinked)}
    assert {key: event.other_subject_id for key, event in sides.items()} == {
        anna.subject_id: member.subject_id,
        member.subject_id: anna.subject_id,
    }
    assert len({event.link_id for event in sides.values()}) == 1
    assert {one.appended.offset for one in linked.placed} == {1, 2}
    assert await group(vault, logged, anna.subject_id) == tuple(sorted(sides))
    again = await linking.link(logged, MEMBER, ANNA)
    assert again.outcome is Outcome.ALREADY
    assert {one.appended for one in again.placed} == {one.appended for one in linked.placed}
    assert len(await on_the_log(stack.bootstrap, logged.name)) == 2


async def test_a_link_whose_telling_broke_off_is_told_by_the_retry(
    linking: Linking, resolver: Resolver, gate: Gate, logged: Controller, vault: Any, stack: Any
) -> None:
    await resolver.resolve(logged, [ANNA, MEMBER])
    gate.is_shut = True
    with pytest.raises(Unavailable):
        await linking.link(logged, ANNA, MEMBER)
    # Promised in the transaction that made the link, whoever is asked to keep it.
    assert await count(vault, logged, "outgoing_event", "sent_ms is null") == 2
    gate.is_shut = False
    linked = await linking.link(logged, ANNA, MEMBER)
    assert linked.outcome is Outcome.ALREADY and len(linked.placed) == 2
    assert len(await on_the_log(stack.bootstrap, logged.name)) == 2
    assert await count(vault, logged, "outgoing_event", "sent_ms is null") == 0


async def test_a_name_that_was_let_go_of_brings_its_old_no_along(
    linking: Linking,
    resolver: Resolver,
    directory: Directory,
    gate: Gate,
    logged: Controller,
    vault: Any,
    own_secrets: Secrets,
    stack: Any,
) -> None:
    (anna,) = await resolver.resolve(logged, [ANNA])
    await remember(vault, own_secrets, logged, [PHONE], MARKETING)
    gate.is_shut = True
    with pytest.raises(Unavailable):
        await linking.link(logged, ANNA, PHONE)
    for name in (ANNA, PHONE):
        (found,) = await directory.lookup(logged, [name])
        assert found is not None and found.carry_pending
    gate.is_shut = False
    # Whoever comes by the other name completes what belongs to both.
    await resolver.resolve(logged, [ANNA])
    (told, *_) = await on_the_log(stack.bootstrap, logged.name)
    assert told[0] == anna.subject_id and isinstance(told[1], SuppressionCarried)
    (found,) = await directory.lookup(logged, [PHONE])
    assert found is not None and not found.carry_pending


@pytest.mark.parametrize("side", ["first", "second", "linked"])
async def test_nobody_is_linked_to_a_person_under_erasure(
    linking: Linking, resolver: Resolver, logged: Controller, vault: Any, side: str
) -> None:
    anna, member = await resolver.resolve(logged, [ANNA, MEMBER])
    third = (await linking.link(logged, account("third"), account("third-too"))).subject_id
    if side == "linked":
        await linking.link(logged, member.subject_id, third)
    await block(vault, logged, {"first": anna.subject_id, "second": member.subject_id, "linked": third}[side])
    with pytest.raises(Conflict) as refusal:
        await linking.link(logged, ANNA, MEMBER)
    assert refusal.value.code == "subject_not_active"
    blocked = anna.subject_id if side == "first" else member.subject_id
    with pytest.raises(Conflict):
        await linking.link(logged, blocked, PHONE)
    assert await count(vault, logged, "directory", "identifier_type = 'phone'") == 0


async def test_a_subject_id_that_was_never_given_out_is_unknown(linking: Linking, logged: Controller) -> None:
    with pytest.raises(NotFound) as refusal:
        await linking.link(logged, ANNA, bytes(15) + b"\1")
    assert refusal.value.code == "subject_unknown"


async def test_a_group_is_bounded(
    linking: Linking, resolver: Resolver, logged: Controller, vault: Any
) -> None:
    people = [account(f"member-{number}") for number in range(MAX_GROUP + 1)]
    await resolver.resolve(logged, people)
    for one, two in itertools.pairwise(people[:-1]):
        await linking.link(logged, one, two)
    # Joined before by way of others: nothing to do, and nothing to refuse.
    assert (await linking.link(logged, people[0], people[-2])).outcome is Outcome.ALREADY
    with pytest.raises(Conflict) as refusal:
        await linking.link(logged, people[0], people[-1])
    assert refusal.value.code == "link_group_full"
    assert await count(vault, logged, "subject_link") == MAX_GROUP - 1


async def test_of_two_who_claim_one_new_name_at_once_both_are_the_same_person_afterwards(
    linking: Linking, resolver: Resolver, directory: Directory, logged: Controller, vault: Any
) -> None:
    anna, member = await resolver.resolve(logged, [ANNA, MEMBER])
    await asyncio.gather(linking.link(logged, ANNA, PHONE), linking.link(logged, MEMBER, PHONE))
    assert await group(vault, logged, anna.subject_id) == tuple(sorted([anna.subject_id, member.subject_id]))
    (found,) = await directory.lookup(logged, [PHONE])
    assert found is not None and found.subject_id in (anna.subject_id, member.subject_id)


async def test_links_and_blocks_at_once_leave_no_group_half_blocked(
    linking: Linking, resolver: Resolver, logged: Controller, vault: Any
) -> None:
    people = [account(f"member-{number}") for number in range(100)]
    entries = await resolver.resolve(logged, people)
    ids = [entry.subject_id for entry in entries]
    chance = random.Random(13)
    # Chains of five, so that locks of several groups are taken in every order.
    pairs = [(start + step, start + step + 1) for start in range(0, 100, 5) for step in range(4)]
    links = [linking.link(logged, ids[one], ids[two]) for one, two in chance.sample(pairs, len(pairs))]
    names = [linking.link(logged, ids[number], phone(f"+4670123{number:04}")) for number in range(0, 100, 2)]
    blocks = [block(vault, logged, subject_id) for subject_id in chance.sample(ids, 50)]
    work: list[Any] = links + names + blocks
    chance.shuffle(work)
    results = await asyncio.gather(*work, return_exceptions=True)
    refusals = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(one, Conflict) and one.code == "subject_not_active" for one in refusals), refusals
    states = {
        row["subject_id"]: row["state"]
        for row in await vault.fetch(
            "select subject_id, state from vault.subject where controller_id = $1", logged.id
        )
    }
    for subject_id in ids:
        members = await group(vault, logged, subject_id)
        assert len({states[member] for member in members}) == 1
    assert len(refusals) < len(links) + len(names)
