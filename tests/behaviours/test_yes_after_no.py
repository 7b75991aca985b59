"""When a yes outranks an earlier no, and what the ledger says when it does not."""

from ledger.sdk import Ledger, Person
from tests.behaviours.asking import known_as

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


async def test_a_new_grant_after_seeing_the_withdrawal_allows(
    ledger: Ledger, transport: str, anna: Person
) -> None:
    withdrawn = await ledger.withdraw(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", seen=withdrawn.position)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "consent_given"
    assert saved.effective is not False
    assert saved.outranked_by is None


async def test_a_new_grant_made_on_a_screen_that_showed_the_withdrawal_allows(
    ledger: Ledger, anna: Person
) -> None:
    withdrawn = await ledger.withdraw(anna, **NEWSLETTER)
    await ledger.check(anna, **NEWSLETTER, at_least=withdrawn)
    screen = await ledger.standing(anna)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", seen=screen)
    assert await ledger.check(anna, **NEWSLETTER, at_least=saved)


async def test_a_new_grant_within_two_minutes_without_having_seen_the_withdrawal_denies(
    ledger: Ledger, anna: Person
) -> None:
    await ledger.withdraw(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "withdrawn"


async def test_a_grant_that_loses_says_so_and_what_outranked_it(
    ledger: Ledger, transport: str, anna: Person
) -> None:
    withdrawn = await ledger.withdraw(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    if transport == "kafka":
        # Nobody stands between this producer and the log who could have compared the two.
        assert saved.effective is None
        return
    assert saved.effective is False
    assert saved.outranked_by is not None
    assert saved.outranked_by.event_id == withdrawn.events[0].event_id
    assert saved.outranked_by.reason == "withdrawn"


async def test_a_position_from_before_the_withdrawal_does_not_lift_it(ledger: Ledger, anna: Person) -> None:
    shown = await ledger.grant(anna, **NEWSLETTER, notice="signup@1")
    await ledger.withdraw(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", seen=shown)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "withdrawn"


async def test_opting_in_after_seeing_the_opt_out_lifts_it(ledger: Ledger, anna: Person) -> None:
    out = await ledger.opt_out(anna, purpose="offers", channel="email")
    between = await ledger.check(anna, purpose="offers", channel="email", at_least=out)
    saved = await ledger.opt_in(anna, purpose="offers", channel="email", seen=out)
    after = await ledger.check(anna, purpose="offers", channel="email", at_least=saved)
    assert (between.reason, after.reason) == ("opted_out", "legitimate_interests")


async def test_opting_in_for_one_channel_leaves_an_opt_out_of_all_in_force_elsewhere(
    ledger: Ledger, anna: Person
) -> None:
    first = await ledger.grant(anna, purpose="newsletter", channel="sms", notice="signup@3")
    out = await ledger.opt_out(anna)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", seen=out)
    email = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    sms = await ledger.check(anna, purpose="newsletter", channel="sms", at_least=saved)
    assert first.position != saved.position
    assert (email.reason, sms.reason) == ("consent_given", "opted_out")


async def test_choices_saved_on_a_screen_that_showed_the_noes_take_effect(
    ledger: Ledger, anna: Person
) -> None:
    refused = await ledger.refuse(anna, **NEWSLETTER)
    saved = await ledger.save_choices(
        anna,
        notice="signup@3",
        channel="email",
        granted=["newsletter"],
        refused=["profiling"],
        seen=refused,
    )
    assert await ledger.check(anna, **NEWSLETTER, at_least=saved)


async def test_a_grant_that_lay_waiting_does_not_beat_a_withdrawal_made_meanwhile(
    ledger: Ledger, anna: Person
) -> None:
    await ledger.withdraw(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", waited_ms=3_600_000)
    assert not await ledger.check(anna, **NEWSLETTER, at_least=saved)


async def test_a_grant_of_unknown_wait_stands_only_where_nobody_said_no(
    ledger: Ledger, anna: Person, bertil: Person
) -> None:
    await ledger.withdraw(anna, **NEWSLETTER)
    over_a_no = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", waited_ms=None)
    alone = await ledger.grant(bertil, **NEWSLETTER, notice="signup@3", waited_ms=None)
    assert not await ledger.check(anna, **NEWSLETTER, at_least=over_a_no)
    assert await ledger.check(bertil, **NEWSLETTER, at_least=alone)


async def test_a_position_of_somebody_elses_ledger_lifts_nothing(ledger: Ledger, anna: Person) -> None:
    from ledger.sdk.testing import InMemoryLedger
    from tests.support.catalogue import small_catalogue

    foreign = await InMemoryLedger(small_catalogue()).withdraw(anna)
    await ledger.withdraw(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", seen=foreign)
    assert not await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert await known_as(ledger, anna)
