"""What an act does to what may be done afterwards."""

import asyncio
import uuid

import pytest

from ledger.sdk import Ask, Ledger, Person, subject_id
from tests.behaviours.asking import ask, known_as

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


async def granted(ledger: Ledger, person: Person) -> str:
    """The person agrees to the newsletter by e-mail; the position of that."""
    saved = await ledger.grant(person, **NEWSLETTER, notice="signup@3")
    return saved.position


async def test_a_grant_allows_and_says_why(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer
    assert (answer.reason, answer.basis, answer.notice) == ("consent_given", "consent", "signup@3")
    assert answer.deciding_events == (saved.events[0].event_id,)
    assert answer.obligations == ("include_opt_out",)
    assert answer.catalogue_version == 1


async def test_a_grant_for_one_channel_says_nothing_about_another(ledger: Ledger, anna: Person) -> None:
    position = await granted(ledger, anna)
    answer = await ledger.check(anna, purpose="newsletter", channel="sms", at_least=position)
    assert answer.reason == "no_consent"


async def test_a_grant_for_one_recipient_says_nothing_about_another(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.grant(anna, purpose="sharing", recipient="acme", notice="signup@3")
    asks = [Ask(anna, "sharing", recipient=recipient) for recipient in ("acme", "globex", None)]
    answers = await ledger.check_many(asks, at_least=saved)
    assert [bool(answer) for answer in answers] == [True, False, False]


async def test_a_withdrawal_that_was_acknowledged_denies(ledger: Ledger, anna: Person) -> None:
    await granted(ledger, anna)
    saved = await ledger.withdraw(anna, **NEWSLETTER)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved.position)
    assert answer.reason == "withdrawn"
    assert answer.deciding_events == (saved.events[0].event_id,)


async def test_a_withdrawal_without_a_grant_is_recorded(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.withdraw(anna, **NEWSLETTER)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "withdrawn"


async def test_a_withdrawal_of_nothing_in_particular_covers_everything(ledger: Ledger, anna: Person) -> None:
    await granted(ledger, anna)
    await ledger.grant(anna, purpose="profiling", notice="signup@3")
    saved = await ledger.withdraw(anna)
    answers = await asyncio.gather(
        ledger.check(anna, **NEWSLETTER, at_least=saved),
        ledger.check(anna, purpose="profiling", at_least=saved),
    )
    assert [answer.reason for answer in answers] == ["withdrawn", "withdrawn"]


async def test_a_withdrawal_on_one_channel_leaves_the_other(ledger: Ledger, anna: Person) -> None:
    await granted(ledger, anna)
    await ledger.grant(anna, purpose="newsletter", channel="sms", notice="signup@3")
    saved = await ledger.withdraw(anna, **NEWSLETTER)
    assert not await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert await ledger.check(anna, purpose="newsletter", channel="sms", at_least=saved)


async def test_a_refusal_denies_and_is_told_from_a_withdrawal(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.refuse(anna, **NEWSLETTER, notice="signup@3")
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "refused"


async def test_choices_are_one_act_in_which_the_noes_come_first(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.save_choices(
        anna, notice="signup@3", channel="email", granted=["newsletter"], refused=["profiling"]
    )
    assert [event.act for event in saved.events] == ["refuse", "grant"]
    offsets = [event.offset for event in saved.events]
    assert offsets == sorted(offsets)
    assert await ledger.check(anna, **NEWSLETTER, at_least=saved)
    profiling = await ledger.check(anna, purpose="profiling", at_least=saved)
    assert profiling.reason == "refused"


async def test_an_objection_stops_legitimate_interests(ledger: Ledger, anna: Person) -> None:
    served = await ledger.notice_served(anna, notice="signup@3", language="en")
    before = await ledger.check(anna, purpose="offers", channel="email", at_least=served)
    saved = await ledger.object_to(anna, purpose="offers")
    after = await ledger.check(anna, purpose="offers", channel="email", at_least=saved)
    assert (before.reason, after.reason) == ("legitimate_interests", "objected")


async def test_an_opt_out_of_a_channel_blocks_every_basis_on_it(ledger: Ledger, anna: Person) -> None:
    await granted(ledger, anna)
    saved = await ledger.opt_out(anna, channel="email")
    answers = await ledger.check_many(
        [ask(anna, "newsletter", "email"), ask(anna, "offers", "email")], at_least=saved
    )
    assert [answer.reason for answer in answers] == ["opted_out", "opted_out"]


async def test_an_opt_out_of_a_message_class_blocks_its_purposes(ledger: Ledger, anna: Person) -> None:
    await granted(ledger, anna)
    saved = await ledger.opt_out(anna, message_class="marketing")
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "opted_out"


async def test_an_opt_in_is_no_consent(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.opt_in(anna, **NEWSLETTER)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "no_consent"


@pytest.mark.parametrize(
    ("purpose", "act", "reason"),
    [
        ("newsletter", "withdraw", "withdrawn"),
        ("offers", "object", "objected"),
        ("delivery", "preference_out", "basis_not_supported"),
    ],
)
async def test_unsubscribing_does_what_the_basis_calls_for(
    ledger: Ledger, anna: Person, purpose: str, act: str, reason: str
) -> None:
    saved = await ledger.unsubscribe(anna, purpose=purpose, channel="email")
    answer = await ledger.check(anna, purpose=purpose, channel="email", at_least=saved)
    assert [event.act for event in saved.events] == [act]
    assert answer.reason == reason


async def test_a_letter_denies_from_when_it_is_recorded_and_keeps_its_date(
    ledger: Ledger, anna: Person
) -> None:
    await granted(ledger, anna)
    saved = await ledger.withdraw(
        anna, **NEWSLETTER, capture="letter", effective_from="2026-01-31T12:00:00+01:00"
    )
    assert not await ledger.check(anna, **NEWSLETTER, at_least=saved)
    standing = await ledger.standing(anna)
    (row,) = [row for row in standing.rows if row.shape == "no"]
    assert (row.capture, row.effective_from) == ("letter", "2026-01-31T11:00:00.000Z")


async def test_a_grant_that_has_expired_denies(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", expires_at="2026-01-01T00:00:00Z")
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "consent_expired"


async def test_another_person_is_untouched(ledger: Ledger, anna: Person, bertil: Person) -> None:
    await granted(ledger, bertil)
    saved = await ledger.withdraw(anna)
    answer = await ledger.check(bertil, **NEWSLETTER, at_least=saved)
    assert answer


async def test_a_repeat_under_one_key_has_one_effect(ledger: Ledger, anna: Person) -> None:
    key = str(uuid.uuid4())
    first = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", idempotency_key=key)
    withdrawn = await ledger.withdraw(anna, **NEWSLETTER)
    again = await ledger.grant(anna, **NEWSLETTER, notice="signup@3", idempotency_key=key)
    assert again.events[0].event_id == first.events[0].event_id
    answer = await ledger.check(anna, **NEWSLETTER, at_least=withdrawn)
    assert answer.reason == "withdrawn"
    (row,) = [row for row in (await ledger.standing(anna)).rows if row.shape == "yes"]
    assert row.event_id == first.events[0].event_id


async def test_a_withdrawal_under_the_key_of_a_grant_is_not_lost(ledger: Ledger, anna: Person) -> None:
    key = str(uuid.uuid4())
    await ledger.grant(anna, **NEWSLETTER, notice="signup@3", idempotency_key=key)
    saved = await ledger.withdraw(anna, **NEWSLETTER, idempotency_key=key)
    assert not await ledger.check(anna, **NEWSLETTER, at_least=saved)


async def test_acts_of_one_person_take_effect_in_the_order_of_the_calls(ledger: Ledger, anna: Person) -> None:
    calls = [ledger.grant(anna, **NEWSLETTER, notice="signup@3"), ledger.withdraw(anna, **NEWSLETTER)]
    calls += [ledger.refuse(anna, purpose="profiling"), ledger.object_to(anna, purpose="offers")]
    saved = await asyncio.gather(*calls)
    offsets = [act.events[0].offset for act in saved]
    assert offsets == sorted(offsets)


async def test_the_subject_id_names_the_same_person(ledger: Ledger, anna: Person) -> None:
    await granted(ledger, anna)
    known = subject_id(await known_as(ledger, anna))
    saved = await ledger.withdraw(known, **NEWSLETTER)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.reason == "withdrawn"


async def test_history_tells_what_was_recorded_in_order(ledger: Ledger, anna: Person) -> None:
    position = await granted(ledger, anna)
    saved = await ledger.withdraw(anna, **NEWSLETTER)
    await ledger.check(anna, **NEWSLETTER, at_least=saved)
    page = await ledger.history(anna)
    assert position != saved.position
    assert [event.type for event in page.events] == ["ConsentGiven", "ConsentWithdrawn"]
    assert [event.event_id for event in page.events][1] == saved.events[0].event_id
    assert page.next_cursor is None
