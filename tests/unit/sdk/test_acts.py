"""What a call becomes before anything is sent."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ledger.domain.events import Capture, Voice
from ledger.errors import Rejected
from ledger.sdk.acts import Circumstances, choices, state
from ledger.sdk.people import email, subject_id
from ledger.sdk.statements import body_of

ANNA = email("anna@example.se")
GRANT = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}
WITHDRAW = {"act": "withdraw", "purpose": "newsletter", "channel": None}


def told(**circumstances: Any) -> Circumstances:
    """Circumstances as a caller gives them, right or wrong."""
    return circumstances  # type: ignore[return-value]


def test_nothing_is_invented_for_what_the_caller_did_not_say() -> None:
    statement = state(ANNA, [GRANT], told())
    body = body_of(statement)
    assert statement.occurred_at is None
    assert body == {
        "subject": {"email": "anna@example.se"},
        "acts": [{"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}],
        "waited_ms": body["waited_ms"],
        "capture": "self",
        "voice": "person",
    }


def test_each_act_has_a_random_key_of_its_own() -> None:
    keys = {state(ANNA, [GRANT], told()).key for _ in range(100)}
    assert len(keys) == 100


def test_the_wait_grows_from_the_call_and_an_unknown_wait_stays_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = state(ANNA, [WITHDRAW], told(waited_ms=5_000))
    unknown = state(ANNA, [WITHDRAW], told(waited_ms=None))
    monkeypatch.setattr("ledger.sdk.statements.seconds_since_boot", lambda: measured.called_at + 2.5)
    assert measured.wait_ms() == 7_500
    assert unknown.wait_ms() is None


def test_times_are_sent_in_utc_with_milliseconds() -> None:
    stockholm = timezone(timedelta(hours=1))
    body = body_of(
        state(
            ANNA,
            [{**GRANT, "expires_at": datetime(2027, 1, 1, tzinfo=UTC)}],
            told(occurred_at=datetime(2026, 11, 24, 9, 0, 0, 123_999, tzinfo=stockholm)),
        )
    )
    assert body["occurred_at"] == "2026-11-24T08:00:00.123Z"
    assert body["acts"][0]["expires_at"] == "2027-01-01T00:00:00.000Z"  # type: ignore[index]


def test_noes_come_before_yeses_whatever_the_order_of_the_form() -> None:
    statement = state(ANNA, [GRANT, WITHDRAW, {**GRANT, "purpose": "profiling"}], told())
    assert [choice.act.act.value for choice in statement.choices] == ["withdraw", "grant", "grant"]


def test_a_person_is_sent_by_type() -> None:
    body = body_of(state(subject_id("0f" * 16), [WITHDRAW], told()))
    assert body["subject"] == {"subject_id": "0f" * 16}


@pytest.mark.parametrize("value", ["0f" * 15, "zz" * 16, b"short", "00" * 16, 7])
def test_what_is_no_subject_id_is_refused(value: Any) -> None:
    with pytest.raises(Rejected) as raised:
        subject_id(value)
    assert raised.value.code == "subject_id_malformed"


@pytest.mark.parametrize(
    ("circumstances", "code"),
    [
        ({"occurred_at": datetime(2026, 1, 1)}, "time_malformed"),
        ({"effective_from": 7}, "time_malformed"),
        ({"waited_ms": True}, "field_wrong_type"),
        ({"voice": "ghost"}, "field_wrong_type"),
        ({"idempotency_key": ""}, "idempotency_key_malformed"),
        ({"idempotency_key": "två ord"}, "idempotency_key_malformed"),
        ({"occured_at": "2026-01-01T00:00:00Z"}, "field_unknown"),
    ],
)
def test_a_grant_in_impossible_circumstances_is_refused(circumstances: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as raised:
        state(ANNA, [GRANT], told(**circumstances))
    assert raised.value.code == code


def test_a_no_goes_without_the_circumstances_that_make_no_sense() -> None:
    statement = state(
        ANNA, [WITHDRAW], told(occurred_at="yesterday", waited_ms=-1, voice="ghost", capture="telepathy")
    )
    assert (statement.occurred_at, statement.waited_ms) == (None, None)
    assert (statement.voice, statement.capture) == (Voice.PERSON, Capture.SELF)
    assert {report.field for report in statement.ignored} == {"occurred_at", "waited_ms", "voice", "capture"}


def test_a_defective_yes_beside_a_no_is_refused_alone_and_holds_back_the_other_yeses() -> None:
    statement = state(
        ANNA, [WITHDRAW, {**GRANT, "purpose": "profiling"}, {**GRANT, "item": "anna@example.se"}], told()
    )
    assert [choice.act.act.value for choice in statement.choices] == ["withdraw"]
    assert [(refused.purpose, refused.code) for refused in statement.refused] == [
        ("newsletter", "email_in_field"),
        ("profiling", "choice_held_back"),
    ]


def test_a_time_that_cannot_be_read_refuses_the_yeses_and_not_the_noes() -> None:
    statement = state(ANNA, [WITHDRAW, GRANT], told(occurred_at="yesterday"))
    assert [choice.act.act.value for choice in statement.choices] == ["withdraw"]
    assert [(refused.field, refused.code) for refused in statement.refused] == [
        ("occurred_at", "time_malformed")
    ]


def test_what_a_no_should_not_hold_is_left_for_the_intake_to_drop_and_record() -> None:
    statement = state(ANNA, [{**WITHDRAW, "item": "anna@example.se", "recipient": object()}], told())
    (choice,) = statement.choices
    assert choice.act.item is None
    assert {(report.field, report.code) for report in choice.dropped} == {
        ("item", "email_in_field"),
        ("recipient", "field_wrong_type"),
    }
    assert body_of(statement)["acts"] == [
        {"act": "withdraw", "purpose": "newsletter", "item": "anna@example.se"}
    ]


def test_a_form_of_choices_is_refused_when_it_contradicts_itself() -> None:
    with pytest.raises(Rejected) as raised:
        choices(["a", "b"], ["b"], "signup@3", None)
    assert raised.value.code == "choice_contradicts"


@pytest.mark.parametrize("count", [0, 101])
def test_the_number_of_choices_is_bounded(count: int) -> None:
    with pytest.raises(Rejected) as raised:
        state(ANNA, [WITHDRAW] * count, told())
    assert raised.value.code == "acts_count"
