"""What is refused in a yes and dropped or reported in a no."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.domain.acts import Act, ActKind
from ledger.domain.admission import FUTURE_TOLERANCE_MS, admit, judge, not_ahead, occurred_at_of, time_of
from ledger.domain.moments import moment_ms, moment_text
from ledger.errors import ERROR_CODES, FieldReport, Rejected
from tests.support.catalogue import LONG_AGO_MS, small_catalogue

NOW_MS = 1_764_000_000_000
GRANT: dict[str, Any] = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"act": "bless"}, "act", "act_unknown"),
        ({"act": 7}, "act", "act_unknown"),
        ({"purpose": None}, "purpose", "purpose_required"),
        ({"notice": None}, "notice", "notice_required"),
        ({"colour": "red"}, "colour", "field_unknown"),
        ({"anna@example.se": "x"}, "unknown", "field_unknown"),
        ({"purpose_group": "marketing"}, "purpose_group", "field_not_taken"),
        ({"language": "sv"}, "language", "field_not_taken"),
        ({"purpose": ["newsletter"]}, "purpose", "field_wrong_type"),
        ({"purpose": ""}, "purpose", "id_malformed"),
        ({"purpose": "a" * 65}, "purpose", "id_malformed"),
        ({"channel": "Email"}, "channel", "id_malformed"),
        ({"notice": "signup@x"}, "notice", "id_malformed"),
        ({"recipient": "anna@example.se"}, "recipient", "email_in_field"),
        ({"category": "811218-9876"}, "category", "personal_number_in_field"),
        ({"item": "0701-234567"}, "item", "phone_in_field"),
        ({"verified": "true"}, "verified", "field_wrong_type"),
        ({"expires_at": 7}, "expires_at", "time_malformed"),
        ({"expires_at": "2027-01-01"}, "expires_at", "time_malformed"),
    ],
)
def test_a_grant_with_a_defect_is_refused_with_the_field_and_not_its_value(
    change: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Rejected) as raised:
        admit(GRANT | change)
    assert (raised.value.code, raised.value.context["field"]) == (code, field)
    assert "example.se" not in str(raised.value)


def test_a_sound_grant_is_taken_whole() -> None:
    act, dropped = admit(GRANT | {"expires_at": "2027-01-01T01:00:00+01:00", "item": None})
    assert dropped == ()
    assert act == Act(
        act=ActKind.GRANT,
        purpose="newsletter",
        channel="email",
        notice="signup@3",
        expires_at=moment_ms("2027-01-01T00:00:00Z", "expires_at"),
    )


@pytest.mark.parametrize("kind", ["withdraw", "refuse", "object", "preference_out", "unsubscribe"])
def test_every_defect_of_a_no_but_its_purpose_is_dropped_and_reported(kind: str) -> None:
    act, dropped = admit(
        {
            "act": kind,
            "purpose": "newsletter",
            "channel": "E mail",
            "item": "anna@example.se",
            "category": 7,
            "colour": "red",
            "expires_at": "2027-01-01T00:00:00Z",
        }
    )
    assert act == Act(act=ActKind(kind), purpose="newsletter")
    assert set(dropped) == {
        FieldReport("channel", "id_malformed"),
        FieldReport("item", "email_in_field"),
        FieldReport("category", "field_wrong_type"),
        FieldReport("colour", "field_unknown"),
        FieldReport("expires_at", "field_not_taken"),
    }


@pytest.mark.parametrize("purpose", ["News Letter", "anna@example.se", "811218-9876", 7, ""])
def test_a_no_is_refused_rather_than_widened_to_every_purpose(purpose: Any) -> None:
    with pytest.raises(Rejected) as raised:
        admit({"act": "withdraw", "purpose": purpose})
    assert raised.value.context["field"] == "purpose"


def test_a_no_without_a_purpose_is_meant_for_all() -> None:
    assert admit({"act": "withdraw"}).act == Act(act=ActKind.WITHDRAW)


def test_an_opt_in_names_a_purpose_a_class_or_a_group() -> None:
    for field in ("purpose", "message_class", "purpose_group"):
        assert getattr(admit({"act": "preference_in", field: "marketing"}).act, field) == "marketing"
    with pytest.raises(Rejected) as raised:
        admit({"act": "preference_in", "channel": "email"})
    assert raised.value.code == "purpose_required"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": "telepathy"}, "purpose_unknown"),
        ({"channel": "pigeon"}, "channel_unknown"),
        ({"recipient": "initech"}, "recipient_unknown"),
        ({"category": "blood"}, "category_unknown"),
        ({"notice": "signup@9"}, "notice_unknown"),
        ({"channel": None}, "channel_required"),
        ({"channel": "phone"}, "channel_not_declared"),
        ({"recipient": "acme"}, "recipient_not_declared"),
        ({"category": "contact"}, "category_not_declared"),
        ({"notice": "terms@1"}, "notice_not_valid"),
        ({"purpose": "offers"}, "purpose_needs_no_consent"),
    ],
)
def test_a_grant_that_could_never_allow_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as raised:
        judge(admit(GRANT | change).act, small_catalogue(), NOW_MS)
    assert raised.value.code == code


def test_a_grant_on_a_notice_that_is_not_in_force_yet_is_refused() -> None:
    act = admit(GRANT).act
    assert judge(act, small_catalogue(), LONG_AGO_MS) == ()
    with pytest.raises(Rejected) as raised:
        judge(act, small_catalogue(), LONG_AGO_MS - FUTURE_TOLERANCE_MS - 1)
    assert raised.value.code == "notice_not_valid"


def test_without_a_catalogue_a_yes_is_refused_and_a_no_passes() -> None:
    with pytest.raises(Rejected) as raised:
        judge(admit(GRANT).act, None, NOW_MS)
    assert raised.value.code == "catalogue_missing"
    assert judge(admit({"act": "withdraw", "purpose": "telepathy"}).act, None, NOW_MS) == ()


def test_a_no_to_what_nobody_declared_is_kept_and_reported() -> None:
    act = admit(
        {
            "act": "refuse",
            "purpose": "telepathy",
            "channel": "pigeon",
            "recipient": "initech",
            "notice": "x@1",
        }
    ).act
    reports = judge(act, small_catalogue(), NOW_MS)
    assert act.purpose == "telepathy"
    assert {report.code for report in reports} == {
        "purpose_unknown",
        "channel_unknown",
        "recipient_unknown",
        "notice_unknown",
    }
    assert all(report.code in ERROR_CODES for report in reports)


def test_a_time_in_the_future_is_refused_in_a_yes_and_ignored_in_a_no() -> None:
    ahead = NOW_MS + FUTURE_TOLERANCE_MS + 1
    assert not_ahead(ahead - 1, NOW_MS, protective=False) == (ahead - 1, ())
    with pytest.raises(Rejected) as raised:
        not_ahead(ahead, NOW_MS, protective=False)
    assert raised.value.code == "time_in_future"
    assert occurred_at_of(moment_text(ahead), NOW_MS, protective=True) == (
        None,
        (FieldReport("occurred_at", "time_in_future"),),
    )


def test_a_time_that_cannot_be_read_is_refused_in_a_yes_and_ignored_in_a_no() -> None:
    with pytest.raises(Rejected):
        time_of("effective_from", "1 May", protective=False)
    assert time_of("effective_from", "1 May", protective=True) == (
        None,
        (FieldReport("effective_from", "time_malformed"),),
    )
    assert time_of("effective_from", None, protective=False) == (None, ())


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.0019+01:00", 1),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2026-11-24T09:00:00.123456+01:00", 1_795_507_200_123),
    ],
)
def test_times_are_whole_milliseconds_rounded_down(text: str, ms: int) -> None:
    assert moment_ms(text, "occurred_at") == ms
    assert moment_ms(moment_text(ms), "occurred_at") == ms


@pytest.mark.parametrize("value", ["2026-11-24T09:00:00", datetime(2026, 11, 24), "now", 7, None, "9" * 400])
def test_a_time_without_its_offset_is_no_time(value: Any) -> None:
    with pytest.raises(Rejected) as raised:
        moment_ms(value, "occurred_at")
    assert raised.value.code == "time_malformed"


def test_an_aware_datetime_is_a_time() -> None:
    assert moment_ms(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "occurred_at") == 1_000
