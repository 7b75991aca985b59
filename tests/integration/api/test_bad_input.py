"""Every kind of bad input that the API sees gets its own code, and a yes with a defect is never recorded."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import ApiUnderTest, new_email

IN_AN_HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
IN_TWO_YEARS = (datetime.now(UTC) + timedelta(days=730)).isoformat()
GRANT = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}

DEFECTS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("unknown purpose", {"purpose": "nonsense"}, {}, "purpose_unknown"),
    ("unknown channel", {"channel": "pigeon"}, {}, "channel_unknown"),
    ("channel of another purpose", {"purpose": "sharing", "channel": "email", "recipient": "acme"}, {},
     "channel_not_declared"),
    ("no channel", {"channel": None}, {}, "channel_required"),
    ("unknown notice", {"notice": "signup@9"}, {}, "notice_unknown"),
    ("notice for something else", {"notice": "terms@1"}, {}, "notice_not_valid"),
    ("no notice", {"notice": None}, {}, "notice_required"),
    ("no purpose", {"purpose": None}, {}, "purpose_required"),
    ("recipient that is not declared", {"recipient": "acme"}, {}, "recipient_not_declared"),
    ("unknown recipient", {"recipient": "nobody"}, {}, "recipient_unknown"),
    ("a purpose that needs no consent", {"purpose": "offers"}, {}, "purpose_needs_no_consent"),
    ("e-mail address in a field", {"item": "anna@example.se"}, {}, "email_in_field"),
    ("personal number in a field", {"item": "19811218-9876"}, {}, "personal_number_in_field"),
    ("phone number in a field", {"item": "+46701234567"}, {}, "phone_in_field"),
    ("surplus field of the act", {"chanel": "email"}, {}, "field_unknown"),
    ("surplus field of the body", {}, {"occured_at": "2026-01-01T00:00:00Z"}, "field_unknown"),
    ("wrong type in the act", {"purpose": 7}, {}, "field_wrong_type"),
    ("wrong type in the body", {}, {"waited_ms": "long"}, "field_wrong_type"),
    ("negative wait", {}, {"waited_ms": -1}, "field_wrong_type"),
    ("boolean for a number", {}, {"waited_ms": True}, "field_wrong_type"),
    ("unknown capture", {}, {"capture": "telepathy"}, "field_wrong_type"),
    ("unknown voice", {}, {"voice": ["person"]}, "field_wrong_type"),
    ("time in the future", {}, {"occurred_at": IN_AN_HOUR}, "time_in_future"),
    ("time without a zone", {}, {"occurred_at": "2026-01-01T00:00:00"}, "time_malformed"),
    ("no time at all", {}, {"occurred_at": "yesterday"}, "time_malformed"),
    ("takes effect in two years", {}, {"effective_from": IN_TWO_YEARS}, "effective_too_far_ahead"),
    ("seen is no position", {}, {"seen": "p1.AAAA"}, "position_malformed"),
    ("unknown act", {"act": "consent"}, {}, "act_unknown"),
    ("syntax of an id", {"purpose": "News Letter"}, {}, "id_malformed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "common", "code"), [case[1:] for case in DEFECTS], ids=[case[0] for case in DEFECTS]
)
async def test_a_grant_with_a_defect_is_refused_with_its_code(
    api: ApiUnderTest, fields: dict[str, Any], common: dict[str, Any], code: str
) -> None:
    person = new_email()
    answer = await api.act(person, {**GRANT, **fields}, **common)
    assert answer.code == code, answer.body
    assert 400 <= answer.status < 500
    assert answer.body["retryable"] is False
    assert (await api.check(person))["reason"] == "subject_unknown"


async def test_an_unknown_field_is_answered_with_the_known_one_that_it_resembles(api: ApiUnderTest) -> None:
    answer = await api.act(new_email(), {**GRANT, "chanel": "email"})
    assert (answer.body["nearest"], answer.body["path"]) == ("channel", "$.acts[0].chanel")
    answer = await api.act(new_email(), GRANT, occured_at="2026-01-01T00:00:00Z")
    assert answer.body["nearest"] == "occurred_at"
    answer = await api.post("/v1/subjects/lookup", {"subjct": {"email": new_email()}})
    assert (answer.code, answer.body["nearest"]) == ("field_unknown", "subject")


async def test_a_wrong_type_is_answered_with_its_place(api: ApiUnderTest) -> None:
    body = {"questions": [{"subject": {"email": "a@example.se"}, "purpose": 5}]}
    answer = await api.post("/v1/decisions", body)
    assert (answer.code, answer.body["path"]) == ("field_wrong_type", "$.questions[0].purpose")


BODIES: list[tuple[str, bytes, int, str]] = [
    ("empty", b"", 400, "body_malformed"),
    ("no JSON", b"{", 400, "body_malformed"),
    ("no object", b"[]", 400, "body_malformed"),
    ("random bytes", secrets.token_bytes(200), 400, "body_malformed"),
    ("wrong UTF-8", b'{"subject": "\xff"}', 400, "body_malformed"),
    ("nested without end", b"[" * 200_000, 400, "body_malformed"),
    ("half a surrogate", b'{"subject": "\\ud800"}', 400, "body_malformed"),
    ("over the limit", b" " * (256 * 1024 + 1), 413, "body_too_large"),
]


@pytest.mark.parametrize("path", ["/v1/acts", "/v1/decisions", "/v1/subjects/resolve"])
@pytest.mark.parametrize(("raw", "status", "code"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES])
async def test_a_body_that_cannot_be_read_is_refused(
    api: ApiUnderTest, path: str, raw: bytes, status: int, code: str
) -> None:
    answer = await api.post(path, None, raw=raw)
    assert (answer.status, answer.code) == (status, code)


SUBJECTS: list[tuple[str, Any, str]] = [
    ("missing", None, "field_missing"),
    ("nobody", {}, "subject_malformed"),
    ("two names", {"email": "a@example.se", "phone": "+46701234567"}, "subject_malformed"),
    ("no address", {"email": "anna"}, "identifier_invalid"),
    ("no number", {"phone": "0701234567"}, "identifier_invalid"),
    ("no subject id", {"subject_id": "xyz"}, "subject_id_malformed"),
    ("nobody's subject id", {"subject_id": secrets.token_hex(16)}, "subject_unknown"),
    ("unknown kind", {"passport": "1"}, "field_unknown"),
    ("wrong type", {"email": 1}, "field_wrong_type"),
    ("no object", "anna@example.se", "field_wrong_type"),
]


@pytest.mark.parametrize(("subject", "code"), [s[1:] for s in SUBJECTS], ids=[s[0] for s in SUBJECTS])
async def test_a_person_that_nobody_can_be_is_refused_also_to_a_withdrawal(
    api: ApiUnderTest, subject: Any, code: str
) -> None:
    body: dict[str, Any] = {"acts": [{"act": "withdraw", "purpose": "newsletter"}]}
    if subject is not None:
        body["subject"] = subject
    answer = await api.post("/v1/acts", body)
    assert answer.code == code, answer.body


@pytest.mark.parametrize("acts", [[], [{"act": "withdraw"}] * 101])
async def test_an_act_holds_one_to_a_hundred_choices(api: ApiUnderTest, acts: list[Any]) -> None:
    answer = await api.post("/v1/acts", {"subject": {"email": new_email()}, "acts": acts})
    assert answer.code == "acts_count"


@pytest.mark.parametrize("count", [0, 501])
async def test_a_request_holds_one_to_five_hundred_questions(api: ApiUnderTest, count: int) -> None:
    question = {"subject": {"account": "1"}, "purpose": "newsletter"}
    answer = await api.post("/v1/decisions", {"questions": [question] * count})
    assert (answer.status, answer.code) == (422, "questions_count")


@pytest.mark.parametrize("key", [b"", "två".encode(), b"a b", b"x" * 256])
async def test_an_idempotency_key_that_cannot_be_one_is_refused(api: ApiUnderTest, key: bytes) -> None:
    headers = {b"Idempotency-Key": key}
    body = {"subject": {"email": new_email()}, "acts": [{"act": "withdraw"}]}
    answer = await api.post("/v1/acts", body, headers=headers)
    assert (answer.status, answer.code) == (400, "idempotency_key_malformed")


async def test_no_answer_repeats_what_the_caller_sent(api: ApiUnderTest) -> None:
    secret = "anna.andersson@example.se"
    for body in (
        {"subject": {"email": secret + " "}, "acts": [{**GRANT, "item": secret}]},
        {"subject": {"email": "@" + secret}, "acts": [GRANT]},
        {"subject": {"email": secret}, "acts": [{**GRANT, secret: 1}]},
        {"subject": {"email": secret}, "acts": [GRANT], secret: 1},
        {"subject": {secret: 1}, "acts": [GRANT]},
        {"subject": {"email": secret}, "acts": [GRANT], "capture": secret},
        {"subject": {"email": secret}, "acts": [{**GRANT, "act": secret}]},
    ):
        answer = await api.post("/v1/acts", body)
        assert 400 <= answer.status < 500
        assert "anna" not in str(answer.body), answer.body
