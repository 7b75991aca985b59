"""A grant with a defect is refused with its code; a protective act is recorded, and what was dropped is reported."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.sdk import Ask, Conflict, Ledger, Person, Rejected, Saved

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}
SOON = datetime.now(UTC) + timedelta(days=2)


def reports(saved: Saved) -> set[tuple[str, str]]:
    """What was dropped or taken as given."""
    return {(report.field, report.code) for report in saved.reports}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": "telepathy"}, "purpose_unknown"),
        ({"channel": "pigeon"}, "channel_unknown"),
        ({"channel": "phone"}, "channel_not_declared"),
        ({"channel": None}, "channel_required"),
        ({"recipient": "initech"}, "recipient_unknown"),
        ({"notice": "signup@9"}, "notice_unknown"),
        ({"notice": "terms@1"}, "notice_not_valid"),
        ({"notice": "signup"}, "id_malformed"),
        ({"purpose": "News Letter"}, "id_malformed"),
        ({"item": "anna@example.se"}, "email_in_field"),
        ({"item": "19811218-9876"}, "personal_number_in_field"),
        ({"item": "+46701234567"}, "phone_in_field"),
        ({"item": 7}, "field_wrong_type"),
        ({"expires_at": "next year"}, "time_malformed"),
        ({"occurred_at": "2026-11-24T09:00:00"}, "time_malformed"),
        ({"occurred_at": SOON}, "time_in_future"),
        ({"waited_ms": -1}, "field_wrong_type"),
        ({"capture": "telepathy"}, "field_wrong_type"),
        ({"seen": "yesterday"}, "position_malformed"),
    ],
)
async def test_a_grant_with_a_defect_is_refused_and_nothing_is_recorded(
    ledger: Ledger, anna: Person, change: dict[str, Any], code: str
) -> None:
    before = await ledger.notice_served(anna, notice="signup@3")
    with pytest.raises(Rejected) as raised:
        await ledger.grant(anna, **({**NEWSLETTER, "notice": "signup@3"} | change))
    assert raised.value.code == code
    assert not raised.value.retryable
    answer = await ledger.check(anna, **NEWSLETTER, at_least=before)
    assert answer.reason == "no_consent"


@pytest.mark.parametrize(
    ("change", "report"),
    [
        ({"channel": "pigeon"}, ("channel", "channel_unknown")),
        ({"notice": "signup@9"}, ("notice", "notice_unknown")),
        ({"notice": "signup"}, ("notice", "id_malformed")),
        ({"item": "anna@example.se"}, ("item", "email_in_field")),
        ({"item": "19811218-9876"}, ("item", "personal_number_in_field")),
        ({"channel": "E Mail"}, ("channel", "id_malformed")),
        ({"item": 7}, ("item", "field_wrong_type")),
        ({"occurred_at": SOON}, ("occurred_at", "time_in_future")),
        ({"occurred_at": datetime(2026, 11, 24)}, ("occurred_at", "time_malformed")),
        ({"effective_from": "the first of May"}, ("effective_from", "time_malformed")),
        ({"waited_ms": "long"}, ("waited_ms", "field_wrong_type")),
        ({"capture": "telepathy"}, ("capture", "field_wrong_type")),
    ],
)
async def test_a_withdrawal_with_a_defect_is_recorded_and_reported(
    ledger: Ledger, anna: Person, change: dict[str, Any], report: tuple[str, str]
) -> None:
    await ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    saved = await ledger.withdraw(anna, **(NEWSLETTER | change))
    answer = await ledger.check(anna, **NEWSLETTER, at_least=saved)
    assert report in reports(saved)
    assert answer.reason == "withdrawn"


async def test_a_no_to_a_purpose_that_nobody_declared_is_recorded_and_reported(
    ledger: Ledger, anna: Person
) -> None:
    saved = await ledger.refuse(anna, purpose="telepathy")
    assert reports(saved) == {("purpose", "purpose_unknown")}
    await ledger.check(anna, **NEWSLETTER, at_least=saved)
    standing = await ledger.standing(anna)
    assert [(row.shape, row.purpose) for row in standing.rows] == [("no", "telepathy")]


async def test_unsubscribing_from_what_nobody_declared_is_recorded_as_an_opt_out(
    ledger: Ledger, anna: Person
) -> None:
    saved = await ledger.unsubscribe(anna, purpose="telepathy", channel="email")
    assert [event.act for event in saved.events] == ["preference_out"]
    assert reports(saved) == {("purpose", "purpose_unknown")}


@pytest.mark.parametrize(
    ("purpose", "code"), [("News Letter", "id_malformed"), ("anna@example.se", "email_in_field")]
)
async def test_a_no_whose_purpose_cannot_be_an_id_is_refused_rather_than_widened(
    ledger: Ledger, anna: Person, purpose: str, code: str
) -> None:
    with pytest.raises(Rejected) as raised:
        await ledger.withdraw(anna, purpose=purpose)
    assert raised.value.code == code
    assert purpose not in str(raised.value)


async def test_another_yes_under_a_used_key_never_counts(
    ledger: Ledger, transport: str, anna: Person
) -> None:
    key = str(uuid.uuid4())
    await ledger.refuse(anna, purpose="profiling", idempotency_key=key)
    if transport == "kafka":
        # The log takes it; the fold finds two contents under one id and puts the person in quarantine.
        saved = await ledger.grant(anna, purpose="profiling", notice="signup@3", idempotency_key=key)
        answer = await ledger.check(anna, purpose="profiling", at_least=saved)
        assert answer.reason == "quarantined"
        return
    with pytest.raises(Conflict) as raised:
        await ledger.grant(anna, purpose="profiling", notice="signup@3", idempotency_key=key)
    assert raised.value.code == "idempotency_key_reused"


async def test_a_defective_yes_of_a_form_is_told_and_the_noes_of_the_form_are_recorded(
    ledger: Ledger, anna: Person
) -> None:
    saved = await ledger.save_choices(
        anna,
        notice="signup@3",
        channel="email",
        granted=["newsletter", "telepathy"],
        refused=["offers"],
    )
    assert [event.act for event in saved.events] == ["refuse"]
    assert {(refused.purpose, refused.code) for refused in saved.refused} == {
        ("telepathy", "purpose_unknown"),
        ("newsletter", "choice_held_back"),
    }
    assert saved.effective is False
    answers = await ledger.check_many(
        [Ask(anna, "offers", "email"), Ask(anna, "newsletter", "email")], at_least=saved
    )
    assert [answer.reason for answer in answers] == ["refused", "no_consent"]


async def test_the_channel_of_a_form_holds_for_the_purposes_that_are_used_on_channels(
    ledger: Ledger, anna: Person
) -> None:
    saved = await ledger.save_choices(
        anna, notice="signup@3", channel="email", granted=["newsletter", "profiling"]
    )
    answers = await ledger.check_many(
        [Ask(anna, "newsletter", "email"), Ask(anna, "profiling")], at_least=saved
    )
    assert [bool(answer) for answer in answers] == [True, True]
    assert reports(saved) == {("channel", "channel_not_used")}


async def test_consent_to_what_does_not_rest_on_consent_is_refused(ledger: Ledger, anna: Person) -> None:
    with pytest.raises(Rejected) as raised:
        await ledger.grant(anna, purpose="offers", channel="email", notice="signup@3")
    assert raised.value.code == "purpose_needs_no_consent"


async def test_a_choice_that_contradicts_itself_is_refused(ledger: Ledger, anna: Person) -> None:
    with pytest.raises(Rejected) as raised:
        await ledger.save_choices(
            anna, notice="signup@3", channel="email", granted=["newsletter"], refused=["newsletter"]
        )
    assert raised.value.code == "choice_contradicts"


async def test_choices_without_a_choice_are_refused(ledger: Ledger, anna: Person) -> None:
    with pytest.raises(Rejected) as raised:
        await ledger.save_choices(anna, notice="signup@3")
    assert raised.value.code == "acts_count"
