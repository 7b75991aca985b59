"""A protective act is never refused or lost for a side reason: what offends is dropped and reported."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import ApiUnderTest, api_under_test, new_email
from tests.support.live import Live

IN_AN_HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}

DROPPED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("time in the future", {}, {"occurred_at": IN_AN_HOUR}, "occurred_at", "time_in_future"),
    ("no time", {}, {"occurred_at": 5}, "occurred_at", "time_malformed"),
    ("no date of effect", {}, {"effective_from": "soon"}, "effective_from", "time_malformed"),
    ("no wait", {}, {"waited_ms": "long"}, "waited_ms", "field_wrong_type"),
    ("unknown capture", {}, {"capture": "telepathy"}, "capture", "field_wrong_type"),
    ("surplus field of the body", {}, {"campaign": "spring"}, "campaign", "field_unknown"),
    ("surplus field of the act", {"campaign": "spring"}, {}, "campaign", "field_unknown"),
    ("field that it does not take", {"topic": "sports"}, {}, "topic", "field_not_taken"),
    ("address in a field", {"item": "anna@example.se"}, {}, "item", "email_in_field"),
    ("number in a field", {"recipient": "19811218-9876"}, {}, "recipient", "personal_number_in_field"),
    ("wrong type", {"channel": 5}, {}, "channel", "field_wrong_type"),
    ("no id", {"channel": "E-mail!"}, {}, "channel", "id_malformed"),
    ("no notice", {"notice": "sign up"}, {}, "notice", "id_malformed"),
]


@pytest.mark.parametrize(
    ("fields", "common", "field", "code"), [case[1:] for case in DROPPED], ids=[case[0] for case in DROPPED]
)
async def test_an_offending_field_is_dropped_and_the_withdrawal_recorded(
    api: ApiUnderTest, fields: dict[str, Any], common: dict[str, Any], field: str, code: str
) -> None:
    person = new_email()
    answer = await api.act(person, {**WITHDRAW, **fields}, **common)
    assert answer.status == 201, answer.body
    (recorded,) = answer.body["recorded"]
    assert {"field": field, "code": code} in recorded["reports"]
    assert field in recorded["dropped_fields"]
    assert (await api.check(person, at_least=answer.body["position"]))["reason"] == "withdrawn"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("purpose", "gone-purpose", "purpose_unknown"),
        ("channel", "pigeon", "channel_unknown"),
        ("notice", "signup@99", "notice_unknown"),
        ("recipient", "nobody", "recipient_unknown"),
    ],
)
async def test_an_undeclared_name_is_recorded_as_given_and_reported(
    api: ApiUnderTest, field: str, value: str, code: str
) -> None:
    answer = await api.act(new_email(), {**WITHDRAW, field: value})
    assert answer.status == 201
    (recorded,) = answer.body["recorded"]
    assert recorded["reports"] == [{"field": field, "code": code}]
    assert recorded["dropped_fields"] == []


@pytest.mark.parametrize("purpose", ["News Letter", "anna@example.se", 5, ""])
async def test_a_purpose_that_is_no_id_is_refused_since_dropping_it_would_mean_everything(
    api: ApiUnderTest, purpose: Any
) -> None:
    answer = await api.act(new_email(), {"act": "withdraw", "purpose": purpose})
    assert answer.status == 422
    assert answer.body["path"] == "$.acts[0].purpose"


@pytest.mark.parametrize(
    ("purpose", "recorded_as", "reason"),
    [
        ("newsletter", "withdraw", "withdrawn"),
        ("offers", "object", "objected"),
        ("delivery", "preference_out", None),
        ("gone-purpose", "preference_out", None),
    ],
)
async def test_the_catalogue_decides_what_unsubscribing_means(
    api: ApiUnderTest, purpose: str, recorded_as: str, reason: str | None
) -> None:
    person = new_email()
    answer = await api.act(person, {"act": "unsubscribe", "purpose": purpose, "channel": "email"})
    assert answer.status == 201
    assert answer.body["recorded"][0]["act"] == recorded_as
    if reason is not None:
        decision = await api.check(person, purpose, at_least=answer.body["position"])
        assert decision["reason"] == reason


async def test_unsubscribing_works_without_any_catalogue(live: Live) -> None:
    async with api_under_test(live.stack, live.url, catalogue=False) as bare:
        answer = await bare.act(new_email(), {"act": "unsubscribe", "purpose": "newsletter"})
        assert answer.status == 201
        assert answer.body["recorded"][0]["act"] == "preference_out"
        refused = await bare.grant(new_email())
        assert refused.code == "catalogue_missing"


async def test_noes_go_first_whatever_the_order_of_the_request(api: ApiUnderTest) -> None:
    answer = await api.act(
        new_email(),
        {"act": "grant", "purpose": "newsletter", "notice": "signup@3", "channel": "email"},
        {"act": "refuse", "purpose": "profiling", "notice": "signup@3", "channel": "email"},
    )
    assert answer.status == 201
    assert [one["act"] for one in answer.body["recorded"]] == ["refuse", "grant"]
    offsets = [one["offset"] for one in answer.body["recorded"]]
    assert offsets == sorted(offsets)
    ids = {one["event_id"] for one in answer.body["recorded"]}
    assert len(ids) == 2
    assert answer.body["act_id"] not in ids


async def test_the_channel_of_a_form_holds_only_for_purposes_that_have_channels(api: ApiUnderTest) -> None:
    person = new_email()
    answer = await api.act(
        person,
        {"act": "grant", "purpose": "newsletter", "notice": "signup@3", "channel": "email"},
        {"act": "grant", "purpose": "profiling", "notice": "signup@3", "channel": "email"},
    )
    assert answer.status == 201, answer.body
    _, profiling = answer.body["recorded"]
    assert profiling["channel"] is None
    assert profiling["reports"] == [{"field": "channel", "code": "channel_not_used"}]
    decision = await api.check(person, "profiling", None, at_least=answer.body["position"])
    assert decision["allowed"] is True


async def test_a_refused_yes_does_not_take_the_noes_with_it(api: ApiUnderTest) -> None:
    person = new_email()
    answer = await api.act(
        person,
        {"act": "grant", "purpose": "nonsense", "notice": "signup@3"},
        {"act": "grant", "purpose": "newsletter", "notice": "signup@3", "channel": "email"},
        {"act": "refuse", "purpose": "profiling"},
    )
    assert answer.status == 201
    assert [one["act"] for one in answer.body["recorded"]] == ["refuse"]
    assert [(one["index"], one["code"]) for one in answer.body["refused"]] == [
        (0, "purpose_unknown"),
        (1, "choice_held_back"),
    ]
    decision = await api.check(person, at_least=answer.body["position"])
    assert decision["reason"] == "no_consent"


async def test_a_defect_of_the_body_refuses_the_yes_and_records_the_no(api: ApiUnderTest) -> None:
    answer = await api.act(
        new_email(),
        {"act": "grant", "purpose": "newsletter", "notice": "signup@3", "channel": "email"},
        {"act": "refuse", "purpose": "profiling"},
        occurred_at=IN_AN_HOUR,
    )
    assert answer.status == 201
    (recorded,) = answer.body["recorded"]
    assert recorded["reports"] == [{"field": "occurred_at", "code": "time_in_future"}]
    assert [one["code"] for one in answer.body["refused"]] == ["time_in_future"]


async def test_nothing_is_recorded_of_yeses_of_which_one_is_refused(api: ApiUnderTest) -> None:
    person = new_email()
    answer = await api.act(
        person,
        {"act": "grant", "purpose": "newsletter", "notice": "signup@3", "channel": "email"},
        {"act": "grant", "purpose": "nonsense", "notice": "signup@3"},
    )
    assert (answer.status, answer.code, answer.body["index"]) == (422, "purpose_unknown", 1)
    assert (await api.check(person))["reason"] == "subject_unknown"


async def test_a_letter_takes_effect_on_the_day_that_it_states(api: ApiUnderTest) -> None:
    answer = await api.act(
        new_email(), WITHDRAW, capture="letter", effective_from="2026-03-01T00:00:00+01:00"
    )
    assert answer.status == 201
    assert answer.body["recorded"][0]["reports"] == []
