"""Who comes back after an erasure: nobody has the new id before the old noes are on its log."""

import asyncio
import random
from typing import Any

import pytest

from ledger.domain.envelope import Capture, Origin, Scope, Voice
from ledger.domain.events import ErasureCarried, SuppressionCarried
from ledger.domain.identifiers import account, email, phone
from ledger.errors import Unavailable
from ledger.vault.carrying import Resolver
from ledger.vault.directory import Controller, Directory
from ledger.vault.secrets import Secrets
from tests.support.coming_back import (
    ERASED_MS,
    NO_MS,
    NO_OFFSET,
    Gate,
    on_the_log,
    opt_out_of,
    remember,
)

pytestmark = pytest.mark.services

ANNA, BERTIL = email("anna@example.se"), email("bertil@example.se")
DAY_MS = 24 * 3600 * 1000
MARKETING = opt_out_of(Scope(channel="email"), message_class="marketing")


@pytest.fixture
def vault(shared_vault: Any) -> Any:
    """One vault for all of them: each has a controller of its own in it."""
    return shared_vault


async def test_the_old_no_is_on_the_log_of_the_new_id_when_it_is_handed_out(
    resolver: Resolver, vault: Any, own_secrets: Secrets, logged: Controller, stack: Any
) -> None:
    await remember(vault, own_secrets, logged, [ANNA], MARKETING)
    anna, bertil = await resolver.resolve(logged, [ANNA, BERTIL])
    told = await on_the_log(stack.bootstrap, logged.name)
    assert [key for key, _ in told] == [anna.subject_id] * 2
    no = next(event for _, event in told if isinstance(event, SuppressionCarried))
    assert (no.scope, no.message_class, no.topic) == (Scope(channel="email"), "marketing", None)
    marker = next(event for _, event in told if isinstance(event, ErasureCarried))
    assert ERASED_MS <= marker.erased_before_ms < ERASED_MS + DAY_MS
    said = (no.envelope.voice, no.envelope.capture, no.envelope.origin, no.envelope.source)
    assert said == (Voice.PERSON, Capture.SYSTEM, Origin.CARRIED, "ledger")
    assert not anna.carry_pending and anna.subject_id != bertil.subject_id


async def test_nothing_carried_points_at_the_old_history(
    resolver: Resolver, vault: Any, own_secrets: Secrets, logged: Controller, stack: Any
) -> None:
    await remember(vault, own_secrets, logged, [ANNA], MARKETING)
    await resolver.resolve(logged, [ANNA])
    told = [event for _, event in await on_the_log(stack.bootstrap, logged.name)]
    assert all(event.envelope.request_id is None and event.envelope.caused_by is None for event in told)
    (no,) = [event for event in told if isinstance(event, SuppressionCarried)]
    assert no.rank_ms % DAY_MS == 0 and no.rank_ms >= NO_MS
    assert no.rank_seq not in (2 * NO_OFFSET, 2 * NO_OFFSET + 1)


async def test_a_log_that_is_away_hands_out_no_id_and_the_retry_the_same_one_with_the_no(
    resolver: Resolver,
    gate: Gate,
    vault: Any,
    own_secrets: Secrets,
    logged: Controller,
    directory: Directory,
    stack: Any,
) -> None:
    await remember(vault, own_secrets, logged, [ANNA], MARKETING)
    gate.is_shut = True
    for _ in range(2):
        with pytest.raises(Unavailable) as refusal:
            await resolver.resolve(logged, [ANNA, BERTIL])
        assert refusal.value.retryable
    (found,) = await directory.lookup(logged, [ANNA])
    assert found is not None and found.carry_pending
    gate.is_shut = False
    (again,) = await resolver.resolve(logged, [ANNA])
    assert again.subject_id == found.subject_id
    assert {type(event) for _, event in await on_the_log(stack.bootstrap, logged.name)} == {
        SuppressionCarried,
        ErasureCarried,
    }
    (settled,) = await directory.lookup(logged, [ANNA])
    assert settled is not None and not settled.carry_pending


async def test_a_second_caller_gets_the_id_no_sooner_than_the_first(
    resolver: Resolver, gate: Gate, vault: Any, own_secrets: Secrets, logged: Controller, stack: Any
) -> None:
    await remember(vault, own_secrets, logged, [ANNA], MARKETING)
    gate.open.clear()
    first = asyncio.create_task(resolver.resolve(logged, [ANNA]))
    await gate.waiting.wait()
    second = asyncio.create_task(resolver.resolve(logged, [ANNA]))
    done, _ = await asyncio.wait([first, second], timeout=0.3)
    assert not done
    gate.open.set()
    (one,), (two,) = await asyncio.gather(first, second)
    assert one.subject_id == two.subject_id
    told = [event for _, event in await on_the_log(stack.bootstrap, logged.name)]
    # Twice the same events, under the same ids: the fold counts the first of each.
    assert len({event.envelope.event_id for event in told}) == 2
    assert all(event.envelope.may_be_repeat for event in told)


async def test_an_id_out_of_a_restored_vault_is_carried_to_before_it_is_known(
    resolver: Resolver,
    directory: Directory,
    vault: Any,
    own_secrets: Secrets,
    logged: Controller,
    stack: Any,
) -> None:
    await remember(vault, own_secrets, logged, [ANNA], MARKETING)
    (made,) = await directory.resolve(logged, [ANNA])
    assert made.carry_pending and await on_the_log(stack.bootstrap, logged.name) == []
    stranger = bytes(15) + b"\1"
    known, unknown = await resolver.known(logged, [made.subject_id, stranger])
    assert known is not None and not known.carry_pending and unknown is None
    assert len(await on_the_log(stack.bootstrap, logged.name)) == 2


async def test_the_marker_of_an_erasure_is_known_by_name(
    resolver: Resolver, vault: Any, own_secrets: Secrets, logged: Controller
) -> None:
    await remember(vault, own_secrets, logged, [ANNA], ())
    assert await resolver.erased_before(logged, [BERTIL]) is None
    found = await resolver.erased_before(logged, [BERTIL, ANNA])
    assert found is not None and ERASED_MS <= found < ERASED_MS + DAY_MS


async def test_300_resolves_at_once_split_nobody_and_carry_each_no_first(
    resolver: Resolver, vault: Any, own_secrets: Secrets, logged: Controller, stack: Any
) -> None:
    people = [account(f"member-{number}") for number in range(60)]
    people += [phone(f"+4670123{number:04}") for number in range(60)]
    erased = people[::5]
    await remember(vault, own_secrets, logged, erased, MARKETING)
    chance = random.Random(6)
    batches = [chance.sample(people, 12) for _ in range(300)]
    answers = await asyncio.gather(*(resolver.resolve(logged, batch) for batch in batches))
    ids: dict[Any, set[bytes]] = {}
    for batch, entries in zip(batches, answers, strict=True):
        for who, entry in zip(batch, entries, strict=True):
            ids.setdefault(who, set()).add(entry.subject_id)
    assert all(len(found) == 1 for found in ids.values())
    told = {key for key, event in await on_the_log(stack.bootstrap, logged.name)}
    assert told == {subject_id for who in erased for subject_id in ids[who]}
    pending = "select count(*) from vault.subject where controller_id = $1 and carry_pending"
    assert await vault.fetchval(pending, logged.id) == 0
