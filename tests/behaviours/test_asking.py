"""What a question is answered with."""

import gc
import warnings

import pytest

from ledger.sdk import Ask, Decision, Denied, Ledger, NotAwaited, Person, Rejected, subject_id
from tests.behaviours.asking import ask

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


async def test_somebody_unknown_is_denied_on_every_basis(ledger: Ledger, anna: Person) -> None:
    answers = await ledger.check_many([ask(anna, "newsletter", "email"), ask(anna, "offers", "email")])
    assert [answer.reason for answer in answers] == ["subject_unknown", "subject_unknown"]


async def test_asking_makes_nobody_known(ledger: Ledger, anna: Person) -> None:
    await ledger.check(anna, **NEWSLETTER)
    standing = await ledger.standing(anna)
    assert (standing.subject_id, standing.rows) == (None, ())


async def test_a_subject_id_without_events_is_denied(ledger: Ledger) -> None:
    answer = await ledger.check(subject_id("ab" * 16), purpose="offers", channel="email")
    assert answer.reason == "no_events"


async def test_legitimate_interests_allow_somebody_known_who_said_nothing(
    ledger: Ledger, anna: Person
) -> None:
    saved = await ledger.notice_served(anna, notice="terms@1")
    answer = await ledger.check(anna, purpose="survey", channel="email", at_least=saved)
    assert (answer.allowed, answer.reason, answer.basis) == (
        True,
        "legitimate_interests",
        "legitimate_interests",
    )


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"purpose": "telepathy"}, "purpose_not_registered"),
        ({"purpose": "newsletter"}, "channel_required"),
        ({"purpose": "newsletter", "channel": "phone"}, "channel_not_declared"),
        ({"purpose": "sharing", "recipient": "initech"}, "recipient_not_declared"),
        ({"purpose": "sharing", "category": "blood_type"}, "category_not_declared"),
        ({"purpose": "delivery", "channel": "email"}, "basis_not_supported"),
    ],
)
async def test_what_is_not_declared_is_denied_with_its_own_code(
    ledger: Ledger, anna: Person, question: dict[str, str], reason: str
) -> None:
    saved = await ledger.notice_served(anna, notice="signup@3")
    answer = await ledger.check(anna, **question, at_least=saved)
    assert (bool(answer), answer.reason) == (False, reason)


async def test_a_deny_is_false_and_an_allow_is_true(ledger: Ledger, anna: Person) -> None:
    denied = await ledger.check(anna, **NEWSLETTER)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    allowed = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert not denied
    assert allowed
    assert allowed.require() is allowed


async def test_requiring_raises_denied_with_the_decision(ledger: Ledger, anna: Person) -> None:
    with pytest.raises(Denied) as raised:
        await ledger.require(anna, **NEWSLETTER)
    assert raised.value.reason == "subject_unknown"
    assert isinstance(raised.value.decision, Decision)
    assert not raised.value.decision


async def test_requiring_gives_the_decision_that_allows(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    decision = await ledger.require(anna, **NEWSLETTER, at_least=saved)
    assert decision.allowed


async def test_a_decision_that_was_not_awaited_raises_instead_of_passing(
    ledger: Ledger, anna: Person
) -> None:
    pending = ledger.check(anna, **NEWSLETTER)
    with pytest.raises(NotAwaited):
        if pending:
            raise AssertionError("passed")
    pending.close()


async def test_a_requirement_that_was_not_awaited_warns(ledger: Ledger, anna: Person) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ledger.require(anna, **NEWSLETTER)
        gc.collect()
    assert [str(warning.message) for warning in caught] == [
        "require(...) was never awaited: nothing was asked"
    ]


async def test_many_questions_are_answered_in_their_order(
    ledger: Ledger, anna: Person, bertil: Person
) -> None:
    await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    saved = await ledger.withdraw(bertil, **NEWSLETTER)
    people = [anna, bertil] * 20
    first = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    answers = await ledger.check_many(
        [Ask(person, "newsletter", "email") for person in people], at_least=saved
    )
    assert first
    assert [bool(answer) for answer in answers] == [person is anna for person in people]


async def test_no_questions_have_no_answers(ledger: Ledger) -> None:
    assert await ledger.check_many([]) == []


async def test_a_decision_carries_the_position_it_was_read_at(ledger: Ledger, anna: Person) -> None:
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert answer.position is not None
    assert answer.staleness_ms is not None
    again = await ledger.check(anna, **NEWSLETTER, at_least=answer)
    assert again


async def test_a_position_of_another_log_is_denied_and_not_ignored(ledger: Ledger, anna: Person) -> None:
    from ledger.sdk.testing import InMemoryLedger
    from tests.support.catalogue import small_catalogue

    foreign = await InMemoryLedger(small_catalogue()).withdraw(anna)
    saved = await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    assert await ledger.check(anna, **NEWSLETTER, at_least=saved)
    answer = await ledger.check(anna, **NEWSLETTER, at_least=foreign)
    assert answer.reason == "position_unknown"


async def test_a_position_that_is_none_is_refused(ledger: Ledger, anna: Person) -> None:
    with pytest.raises(Rejected) as raised:
        await ledger.check(anna, **NEWSLETTER, at_least="p1.bm9uZQ")
    assert raised.value.code == "position_malformed"


async def test_a_person_named_by_a_bare_text_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Rejected) as raised:
        await ledger.check("anna@example.com", **NEWSLETTER)  # type: ignore[arg-type]
    assert raised.value.code == "person_untyped"
