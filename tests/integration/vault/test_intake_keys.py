"""What an idempotency key stands for: new, a repeat, or another request."""

import asyncio
import os
from typing import Any

import pytest

from ledger.domain.identifiers import email
from ledger.vault.directory import Controller, Directory
from ledger.vault.intake_keys import Claim, ClaimOutcome, IntakeKeys

pytestmark = pytest.mark.services

GRANT, WITHDRAWAL = b'{"act":"grant"}', b'{"act":"withdraw"}'
KEY = "signup-anna@example.se"


class Intake:
    """The claims of one source about one subject."""

    def __init__(self, keys: IntakeKeys, controller: Controller, subject_id: bytes) -> None:
        self.keys, self.controller, self.subject_id = keys, controller, subject_id

    async def claim(self, content: bytes, **other: Any) -> Claim:
        given = {
            "controller_id": self.controller.id,
            "source": "shop",
            "key": KEY,
            "content": content,
            "protective": content == WITHDRAWAL,
            "act_id": os.urandom(16),
            "subject_id": self.subject_id,
        }
        return await self.keys.claim(**(given | other))

    async def complete(self, claim: Claim, position: str) -> None:
        await self.keys.complete(
            controller_id=self.controller.id, source="shop", claim=claim, position=position
        )


@pytest.fixture
async def intake(vault: Any, directory: Directory, controller: Controller) -> Intake:
    [anna] = await directory.resolve(controller, [email("anna@example.se")])
    return Intake(IntakeKeys(vault, os.urandom(32)), controller, anna.subject_id)


async def test_a_key_nobody_used_is_new(intake: Intake) -> None:
    act_id = os.urandom(16)
    claim = await intake.claim(GRANT, act_id=act_id)
    assert (claim.outcome, claim.act_id, claim.reused_key) == (ClaimOutcome.NEW, act_id, False)
    assert (claim.subject_id, claim.position) == (intake.subject_id, None)


async def test_the_same_request_again_is_a_repeat_with_its_position(intake: Intake) -> None:
    first = await intake.claim(GRANT)
    await intake.complete(first, "p1.first")
    again = await intake.claim(GRANT)
    assert (again.outcome, again.act_id, again.position) == (ClaimOutcome.REPEAT, first.act_id, "p1.first")


async def test_a_crash_before_the_append_leaves_a_repeat_without_position_under_the_same_act_id(
    intake: Intake,
) -> None:
    first = await intake.claim(GRANT)
    again = await intake.claim(GRANT)
    assert (again.outcome, again.act_id, again.position) == (ClaimOutcome.REPEAT, first.act_id, None)


async def test_a_caller_that_draws_the_same_act_id_is_still_told_of_the_repeat(intake: Intake) -> None:
    act_id = os.urandom(16)
    await intake.claim(GRANT, act_id=act_id)
    assert (await intake.claim(GRANT, act_id=act_id)).outcome is ClaimOutcome.REPEAT


async def test_the_first_position_stays(intake: Intake) -> None:
    claim = await intake.claim(GRANT)
    await intake.complete(claim, "p1.first")
    await intake.complete(claim, "p1.second")
    assert (await intake.claim(GRANT)).position == "p1.first"


async def test_a_yes_under_a_used_key_with_other_content_is_other_content(intake: Intake) -> None:
    await intake.claim(GRANT)
    other = await intake.claim(b'{"act":"grant","purpose":"profiling"}')
    assert other.outcome is ClaimOutcome.OTHER_CONTENT


async def test_a_protective_act_under_a_used_key_is_new_and_reported(intake: Intake) -> None:
    grant = await intake.claim(GRANT)
    withdrawal = await intake.claim(WITHDRAWAL)
    assert (withdrawal.outcome, withdrawal.reused_key) == (ClaimOutcome.NEW, True)
    assert withdrawal.act_id != grant.act_id
    await intake.complete(withdrawal, "p1.no")
    again = await intake.claim(WITHDRAWAL)
    assert (again.outcome, again.act_id, again.position) == (ClaimOutcome.REPEAT, withdrawal.act_id, "p1.no")
    assert (await intake.claim(GRANT)).act_id == grant.act_id


async def test_a_grant_does_not_take_a_withdrawals_key(intake: Intake) -> None:
    withdrawal = await intake.claim(WITHDRAWAL)
    assert (await intake.claim(GRANT)).outcome is ClaimOutcome.OTHER_CONTENT
    again = await intake.claim(WITHDRAWAL)
    assert (again.outcome, again.reused_key, again.act_id) == (ClaimOutcome.REPEAT, False, withdrawal.act_id)


async def test_the_same_words_about_another_person_are_other_content(
    intake: Intake, directory: Directory, controller: Controller
) -> None:
    await intake.claim(GRANT)
    [bo] = await directory.resolve(controller, [email("bo@example.se")])
    assert (await intake.claim(GRANT, subject_id=bo.subject_id)).outcome is ClaimOutcome.OTHER_CONTENT


async def test_a_key_belongs_to_its_controller_and_source(
    intake: Intake, directory: Directory, controller: Controller
) -> None:
    await intake.claim(GRANT)
    assert (await intake.claim(GRANT, source="app")).outcome is ClaimOutcome.NEW
    omilon = Controller(2, "omilon")
    [there] = await directory.resolve(omilon, [email("anna@example.se")])
    claim = await intake.claim(GRANT, controller_id=omilon.id, subject_id=there.subject_id)
    assert claim.outcome is ClaimOutcome.NEW


async def test_of_concurrent_equal_requests_one_is_new(intake: Intake) -> None:
    claims = await asyncio.gather(*(intake.claim(GRANT) for _ in range(20)))
    assert sorted(claim.outcome.value for claim in claims) == ["new"] + ["repeat"] * 19
    assert len({claim.act_id for claim in claims}) == 1


async def test_of_concurrent_grants_and_withdrawals_under_one_key_every_withdrawal_is_kept(
    intake: Intake,
) -> None:
    contents = [GRANT, WITHDRAWAL] * 10
    claims = await asyncio.gather(*(intake.claim(content) for content in contents))
    kept = [claim for content, claim in zip(contents, claims, strict=True) if content == WITHDRAWAL]
    assert [claim.outcome for claim in kept].count(ClaimOutcome.NEW) == 1
    assert ClaimOutcome.OTHER_CONTENT not in {claim.outcome for claim in kept}


async def test_neither_key_nor_content_is_stored(intake: Intake, vault: Any) -> None:
    await intake.claim(GRANT)
    row = str(await vault.fetch("select k::text from vault.intake_key k"))
    for text in ("anna", "grant", KEY.encode().hex()):
        assert text not in row


async def age(vault: Any, days: int) -> None:
    await vault.execute(f"update vault.intake_key set created_at = now() - interval '{days} days'")


async def test_after_seven_days_a_key_is_free_again(intake: Intake, vault: Any) -> None:
    first = await intake.claim(GRANT)
    await intake.complete(first, "p1.first")
    await age(vault, 6)
    assert (await intake.claim(GRANT)).outcome is ClaimOutcome.REPEAT
    await age(vault, 8)
    late = await intake.claim(b'{"act":"grant","purpose":"profiling"}')
    assert (late.outcome, late.position) == (ClaimOutcome.NEW, None)
    assert (await intake.claim(GRANT)).outcome is ClaimOutcome.OTHER_CONTENT


async def test_purging_deletes_what_is_older_than_seven_days(intake: Intake, vault: Any) -> None:
    await intake.claim(GRANT)
    await age(vault, 8)
    await intake.claim(GRANT, key="another")
    assert (await intake.keys.purge(), await intake.keys.purge()) == (1, 0)
    assert await vault.fetchval("select count(*) from vault.intake_key") == 1
