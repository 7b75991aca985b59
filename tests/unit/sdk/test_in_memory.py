"""The ledger in memory as an integrator's tests use it: its clock, its faults, what it recorded."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ledger.domain.catalogue import canonical_document
from ledger.domain.events import ConsentGiven, ConsentWithdrawn, PreferenceSet
from ledger.sdk import Conflict, Rejected, Unavailable, email
from ledger.sdk.testing import InMemoryLedger, MovableClock
from tests.support.catalogue import small_catalogue

ANNA = email("anna@example.se")
NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


@pytest.fixture
def ledger() -> InMemoryLedger:
    return InMemoryLedger(small_catalogue())


async def test_two_minutes_after_a_withdrawal_a_grant_needs_no_screen(ledger: InMemoryLedger) -> None:
    await ledger.withdraw(ANNA, **NEWSLETTER)
    ledger.clock.advance(minutes=2)
    too_early = await ledger.grant(ANNA, **NEWSLETTER, notice="signup@1")
    ledger.clock.advance(seconds=1)
    saved = await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    assert (too_early.effective, saved.effective) == (False, True)
    assert await ledger.check(ANNA, **NEWSLETTER)


async def test_a_grant_expires_when_its_time_has_come(ledger: InMemoryLedger) -> None:
    ledger = InMemoryLedger(small_catalogue(), clock=MovableClock(1_767_225_600_000))  # 1 January 2026
    await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3", expires_at="2026-02-01T00:00:00Z")
    ledger.clock.advance(days=30)
    assert await ledger.check(ANNA, **NEWSLETTER)
    ledger.clock.advance(days=1)
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "consent_expired"


async def test_an_idempotency_key_is_forgotten_after_seven_days(ledger: InMemoryLedger) -> None:
    await ledger.withdraw(ANNA, idempotency_key="k")
    with pytest.raises(Conflict):
        await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3", idempotency_key="k")
    ledger.clock.advance(days=7)
    assert not (await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3", idempotency_key="k")).repeat


async def test_a_ledger_that_is_away_denies_and_records_nothing(ledger: InMemoryLedger) -> None:
    await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    ledger.faults.unavailable = True
    answer = await ledger.check(ANNA, **NEWSLETTER)
    assert (bool(answer), answer.reason, answer.retryable) == (False, "unavailable", True)
    for call in (ledger.withdraw(ANNA), ledger.standing(ANNA), ledger.history(ANNA)):
        with pytest.raises(Unavailable):
            await call
    ledger.faults.unavailable = False
    assert await ledger.check(ANNA, **NEWSLETTER)


async def test_a_ledger_that_is_behind_denies(ledger: InMemoryLedger) -> None:
    await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    ledger.faults.stale = True
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "stale"


async def test_what_is_not_folded_yet_is_waited_for_in_vain(ledger: InMemoryLedger) -> None:
    ledger.faults.fold_held = True
    saved = await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    answer = await ledger.check(ANNA, **NEWSLETTER, at_least=saved)
    assert (saved.effective, answer.reason, answer.retryable) == (None, "position_not_reached", True)
    ledger.faults.fold_held = False
    assert await ledger.check(ANNA, **NEWSLETTER, at_least=saved)


async def test_a_lost_answer_is_found_again_under_its_key(ledger: InMemoryLedger) -> None:
    ledger.faults.answers_lost = True
    with pytest.raises(Unavailable) as raised:
        await ledger.withdraw(ANNA, **NEWSLETTER)
    ledger.faults.answers_lost = False
    key = str(raised.value.context["idempotency_key"])
    saved = await ledger.withdraw(ANNA, **NEWSLETTER, idempotency_key=key)
    assert saved.repeat
    assert [type(event) for event in ledger.recorded(ANNA)] == [ConsentWithdrawn]


async def test_a_used_key_refuses_the_yes_of_a_form_and_records_its_noes(ledger: InMemoryLedger) -> None:
    await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3", idempotency_key="k")
    for repeat in (False, True):
        saved = await ledger.save_choices(
            ANNA,
            notice="signup@3",
            channel="email",
            granted=["newsletter"],
            refused=["offers"],
            idempotency_key="k",
        )
        assert [event.act for event in saved.events] == ["refuse"]
        assert [refused.code for refused in saved.refused] == ["idempotency_key_reused"]
        assert ("idempotency_key", "idempotency_key_reused") in saved.reports
        assert saved.repeat is repeat
    assert len(ledger.recorded(ANNA)) == 2


async def test_without_a_catalogue_a_yes_is_refused_and_a_no_recorded() -> None:
    ledger = InMemoryLedger(None)
    with pytest.raises(Rejected) as raised:
        await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    await ledger.unsubscribe(ANNA, **NEWSLETTER)
    assert raised.value.code == "catalogue_missing"
    assert [type(event) for event in ledger.recorded(ANNA)] == [PreferenceSet]
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "catalogue_missing"
    ledger.publish(small_catalogue())
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "opted_out"


async def test_addresses_that_are_one_name_one_person(ledger: InMemoryLedger) -> None:
    await ledger.grant(email(" Anna@EXAMPLE.se"), **NEWSLETTER, notice="signup@3")
    assert await ledger.check(ANNA, **NEWSLETTER)
    assert [type(event) for event in ledger.recorded(ANNA)] == [ConsentGiven]


async def test_a_clock_that_steps_back_changes_no_order(ledger: InMemoryLedger) -> None:
    await ledger.grant(ANNA, **NEWSLETTER, notice="signup@3")
    ledger.clock.advance(seconds=-30)
    await ledger.withdraw(ANNA, **NEWSLETTER)
    assert (await ledger.check(ANNA, **NEWSLETTER)).reason == "withdrawn"


async def test_history_is_paged(ledger: InMemoryLedger) -> None:
    for _ in range(101):
        await ledger.withdraw(ANNA)
    first = await ledger.history(ANNA)
    assert (len(first.events), first.next_cursor) == (100, "100")
    second = await ledger.history(ANNA, cursor=first.next_cursor)
    assert (len(second.events), second.next_cursor) == (1, None)


def test_the_plugin_gives_a_ledger_with_the_catalogue_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "catalogue.json").write_text(canonical_document(small_catalogue()))
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent(
            """
            from pathlib import Path

            import pytest

            pytest_plugins = ["ledger.sdk.pytest_plugin"]

            @pytest.fixture
            def ledger_catalogue():
                return Path(__file__).with_name("catalogue.json").read_text()
            """
        )
    )
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(
            """
            import asyncio

            from ledger.sdk import email

            def test_it(ledger):
                asyncio.run(use(ledger))

            async def use(ledger):
                anna = email("anna@example.se")
                await ledger.grant(anna, purpose="newsletter", channel="email", notice="signup@3")
                assert await ledger.check(anna, purpose="newsletter", channel="email")
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
