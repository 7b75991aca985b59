"""The reactions are killed after every step of an erasure; the next start takes it to its end, once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from projections.failpoints import ERASURE_STEPS
from tests.support.erasing import QUICK, ForgettingLedger, forgetting_ledger, person

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def patch() -> Any:
    with pytest.MonkeyPatch.context() as patched:
        yield patched


@pytest.fixture(scope="module")
async def forgetting(
    stack: Any, patch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ForgettingLedger]:
    async with forgetting_ledger(stack, tmp_path_factory.mktemp("holder"), patch) as made:
        yield made


async def test_an_erasure_survives_a_kill_after_every_step_and_is_carried_out_once(
    forgetting: ForgettingLedger, stack: Any
) -> None:
    ledger = forgetting.ledger
    for suppressed, step in enumerate(ERASURE_STEPS, start=1):
        address = person()
        (one,) = await forgetting.meet(address)
        await ledger.unsubscribe(one, purpose="survey", channel="email")
        request = await ledger.request_erasure(one)
        (subject_id,) = request.subject_ids
        doomed = stack.start_reactions(
            wait=False, **QUICK, LEDGER_FAILPOINT=step, LEDGER_ALLOW_FAILPOINTS="1"
        )
        # Beside the loop: the holder runs in it.
        await asyncio.to_thread(doomed.wait_ended)
        survivor = await asyncio.to_thread(lambda: stack.start_reactions(**QUICK))
        done = await forgetting.complete(request)
        await asyncio.to_thread(survivor.stop)

        print(f"{step}: {len(done.steps)} steps")
        assert address not in forgetting.held
        assert len(forgetting.erased) == len(set(forgetting.erased)), "an order was carried out twice"
        told = await _told(forgetting, subject_id)
        counted = Counter(kind for kind, outcome in told if outcome == "counted")
        assert counted["SubjectBlocked"] == counted["SubjectErased"] == counted["ErasureRequested"] == 1
        assert {outcome for _, outcome in told} <= {"counted", "repeat"}
        assert not (await ledger.check(one, purpose="newsletter", channel="email"))
        assert done.subject_ids == ()
        assert await forgetting.database.fetchval("select count(*) from suppression.suppression") == suppressed


async def _told(forgetting: ForgettingLedger, subject_id: str) -> list[tuple[str, str]]:
    from tests.support.api import until

    async def complete() -> bool:
        kinds = [kind for kind, _ in await forgetting.events(subject_id)]
        return kinds.count("ErasureAdvanced") >= 6

    await until(complete)
    return await forgetting.events(subject_id)
