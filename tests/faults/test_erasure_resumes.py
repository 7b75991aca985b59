"""What was held is erased by itself once its date has passed: altogether, or, for somebody who has come back, not before
a person has looked. The dates are moved in the database, since nobody waits seven years."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import until
from tests.support.erasing import QUICK, ForgettingLedger, forgetting_ledger, person

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


@pytest.fixture
async def forgetting(
    own_stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ForgettingLedger]:
    async with forgetting_ledger(own_stack, tmp_path, monkeypatch, with_holds=True) as made:
        own_stack.start_reactions(**QUICK)
        yield made


async def test_what_was_held_goes_when_its_date_has_passed(forgetting: ForgettingLedger) -> None:
    ledger, database = forgetting.ledger, forgetting.database
    quiet, back = await forgetting.meet(person(), person())
    held = [
        await forgetting.complete(await ledger.request_erasure(one, holds={"invoices": date(2026, 3, 1)}))
        for one in (quiet, back)
    ]
    assert all(request.held and request.resumes_at for request in held)
    assert (await ledger.check(quiet, purpose="profiling")).reason == "erased"
    saved = await ledger.grant(back, **NEWSLETTER, notice="signup@3")
    await ledger.check(back, **NEWSLETTER, at_least=saved)
    await database.execute(
        """update vault.rights_request set resumes_ms = 1, stated_holds = '{"invoices": 0}'::jsonb"""
    )

    async def both_resumed() -> bool:
        return await database.fetchval("select count(*) from vault.rights_request where caused_by is not null") == 2

    await until(both_resumed)
    resumed = {
        row["caused_by"].hex(): row
        for row in await database.fetch("select * from vault.rights_request where caused_by is not null")
    }
    ours, theirs = (resumed[request.request_id] for request in held)
    done = await forgetting.complete(await ledger.rights_request(ours["request_id"].hex()))
    assert (done.held, done.subject_ids) == ((), ())
    assert (await ledger.check(quiet, **NEWSLETTER)).reason == "subject_unknown"
    assert (theirs["identity"], theirs["categories"]) == ("unproven", ["contact"])
    standing = await ledger.standing(back)
    assert standing.subject_id is not None, "who came back is still somebody"
