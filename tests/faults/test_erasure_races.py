"""Three hundred erasures racing writers, resolvers and linkers; then nothing of the erased is left, and no no is lost."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.errors import LedgerError
from ledger.sdk import Person, RightsRequest, email
from tests.support.erasing import QUICK, ForgettingLedger, forgetting_ledger, person

PEOPLE = 300
SEED = 20_261_125
NEWSLETTER = {"purpose": "newsletter", "channel": "email"}

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
async def forgetting(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ForgettingLedger]:
    with pytest.MonkeyPatch.context() as patch:
        async with forgetting_ledger(stack, tmp_path_factory.mktemp("holder"), patch) as made:
            reactions = stack.start_reactions(**QUICK)
            yield made
            # It leads the erasures of the whole stack.
            reactions.stop()


class Witness:
    """What was acknowledged, and what was refused, by code."""

    def __init__(self) -> None:
        self.noes: set[str] = set()
        self.refused: dict[str, int] = {}

    def note(self, error: LedgerError) -> None:
        self.refused[error.code] = self.refused.get(error.code, 0) + 1


async def test_erasures_race_writers_resolvers_and_linkers(forgetting: ForgettingLedger) -> None:
    chance, witness = random.Random(SEED), Witness()
    addresses = [person() for _ in range(PEOPLE)]
    limit = asyncio.Semaphore(24)

    async def meet(address: str) -> None:
        async with limit:
            await forgetting.meet(address)

    await asyncio.gather(*(meet(address) for address in addresses))
    decliners = set(chance.sample(addresses, PEOPLE // 2))
    told = await asyncio.gather(
        *(_race(forgetting, address, address in decliners, witness, limit, chance.random()) for address in addresses)
    )
    done = await forgetting.all_complete(told)
    print(
        f"seed {SEED}: {len(done)} erasures, {len(witness.noes)} people with an acknowledged no, "
        f"refused on the way: {witness.refused}"
    )
    assert len(witness.noes) == len(decliners), "a no was refused or lost"
    old = [subject_id for request in told for subject_id in request.subject_ids]
    assert len(old) == PEOPLE and not any(request.subject_ids for request in done)
    await _nothing_is_left(forgetting, old)
    await _no_name_leads_to_the_erased(forgetting)
    await _every_no_still_holds(forgetting, witness, limit)
    strangers = [address for address in addresses if address not in witness.noes]
    await _whoever_never_said_no_may_come_back(forgetting, strangers[:20], set(old))
    assert sorted(forgetting.erased) == sorted(set(forgetting.erased)), "an order was carried out twice"


async def _race(
    forgetting: ForgettingLedger, address: str, declines: bool, witness: Witness, limit: asyncio.Semaphore, moment: float
) -> RightsRequest:
    """One person: asks to be erased while others act, ask and link under the same name."""
    ledger, who = forgetting.ledger, email(address)

    async def erase() -> RightsRequest:
        async with limit:
            return await ledger.request_erasure(who)

    async def decline() -> None:
        await asyncio.sleep(moment * 8)
        async with limit:
            await ledger.unsubscribe(who, **NEWSLETTER)
        witness.noes.add(address)

    async def look() -> None:
        await asyncio.sleep(moment * 4)
        async with limit:
            await ledger.check(who, **NEWSLETTER)

    async def link() -> None:
        await asyncio.sleep(moment * 2)
        async with limit:
            try:
                await ledger.link(who, email(f"second-{address}"), verified=True)
            except LedgerError as error:
                witness.note(error)

    request, *_ = await asyncio.gather(erase(), look(), link(), *([decline()] if declines else []))
    return request


async def _nothing_is_left(forgetting: ForgettingLedger, old: list[str]) -> None:
    subject_ids = [bytes.fromhex(subject_id) for subject_id in old]
    for table in ("directory", "evidence", "intake_key"):
        left = await forgetting.database.fetchval(
            f"select count(*) from vault.{table} where subject_id = any($1::uuid [])", subject_ids
        )
        assert left == 0, table
    states = await forgetting.database.fetch(
        "select distinct state from vault.subject where subject_id = any($1::uuid [])", subject_ids
    )
    assert [row["state"] for row in states] == ["destroyed"]


async def _no_name_leads_to_the_erased(forgetting: ForgettingLedger) -> None:
    lost = await forgetting.database.fetchval(
        "select count(*) from vault.directory d join vault.subject s using (controller_id, subject_id)"
        " where s.state <> 'active'"
    )
    assert lost == 0


async def _every_no_still_holds(forgetting: ForgettingLedger, witness: Witness, limit: asyncio.Semaphore) -> None:
    async def come_back(address: str) -> str:
        who = email(address)
        async with limit:
            saved = await forgetting.ledger.grant(who, **NEWSLETTER, notice="signup@3")
            answer = await forgetting.ledger.check(who, **NEWSLETTER, at_least=saved)
        return answer.reason if not answer else f"allowed: {address}"

    reasons = set(await asyncio.gather(*(come_back(address) for address in sorted(witness.noes))))
    assert reasons <= {"suppressed", "withdrawn", "opted_out"}, reasons


async def _whoever_never_said_no_may_come_back(
    forgetting: ForgettingLedger, addresses: list[str], old: set[str]
) -> None:
    people: list[Person] = [email(address) for address in addresses]
    for who in people:
        saved = await forgetting.ledger.grant(who, **NEWSLETTER, notice="signup@3")
        assert await forgetting.ledger.check(who, **NEWSLETTER, at_least=saved)
        standing = await forgetting.ledger.standing(who)
        assert standing.subject_id not in old
