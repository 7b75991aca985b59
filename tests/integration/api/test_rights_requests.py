"""Rights requests over HTTP: written down, found again, and refused where nobody could carry them out."""

import secrets
import time
from typing import Any

import pytest

from ledger.domain.deadlines import request_due
from ledger.domain.moments import moment_text
from tests.support.api import Answer, ApiUnderTest, api_under_test, new_email
from tests.support.live import Live

REQUESTS = "/v1/rights-requests"


@pytest.fixture
async def key(api: ApiUnderTest) -> str:
    """A key that may do nothing else."""
    return await api.new_key("requests", source="desk")


async def known(api: ApiUnderTest) -> str:
    """The address of somebody whom the ledger knows."""
    person = new_email()
    assert (await api.act(person, {"act": "withdraw"})).status == 201
    return person


async def opened(api: ApiUnderTest, key: str, person: str, **fields: Any) -> Answer:
    return await api.post(REQUESTS, {"subject": {"email": person}, **fields}, key=key)


async def test_a_request_is_written_down_and_found_again_by_its_id(api: ApiUnderTest, key: str) -> None:
    person, request_id = await known(api), secrets.token_hex(16)
    first = await opened(api, key, person, request_id=request_id, identity="unproven")
    assert (first.status, first.body["request_id"], first.body["kind"]) == (202, request_id, "erasure")
    assert (first.body["state"], first.body["identity"]) == ("requested", "unproven")
    again = await opened(api, key, person, request_id=request_id, identity="unproven")
    assert (again.status, again.body["received_at"]) == (202, first.body["received_at"])
    shown = await api.get(f"{REQUESTS}/{request_id}", key=key)
    assert (shown.status, shown.body["due_at"]) == (200, first.body["due_at"])
    assert person not in str(shown.body)


async def test_an_id_stands_for_one_request(api: ApiUnderTest, key: str) -> None:
    person, other, request_id = await known(api), await known(api), secrets.token_hex(16)
    await opened(api, key, person, request_id=request_id, identity="unproven")
    for body in ({"person": other}, {"person": person, "categories": ["contact"]}):
        answer = await opened(api, key, request_id=request_id, identity="unproven", **body)
        assert (answer.status, answer.code) == (409, "request_id_reused")


async def test_nothing_is_opened_for_somebody_of_whom_nothing_is_held(api: ApiUnderTest, key: str) -> None:
    stranger = await opened(api, key, new_email())
    missing = await api.post(REQUESTS, {"subject": {"subject_id": secrets.token_hex(16)}}, key=key)
    assert [(answer.status, answer.code) for answer in (stranger, missing)] == [(404, "subject_unknown")] * 2


async def test_another_controllers_request_and_a_missing_one_look_the_same(
    api: ApiUnderTest, key: str, live: Live
) -> None:
    request_id = (await opened(api, key, await known(api), identity="unproven")).body["request_id"]
    async with api_under_test(live.stack, live.url, catalogue=False) as other:
        foreign = await other.new_key("requests")
        for asked in (request_id, secrets.token_hex(16)):
            for method, path, body in (
                ("GET", "", None),
                ("POST", "/identity", None),
                ("POST", "/extension", {"reason": "complex"}),
                ("POST", "/refusal", {"reason": "excessive"}),
            ):
                answer = await other.send(method, f"{REQUESTS}/{asked}{path}", body, key=foreign)
                assert (answer.status, answer.code) == (404, "request_unknown"), path
        assert (await other.get(REQUESTS, key=foreign)).body == {"requests": [], "next_cursor": None}


async def test_an_unproven_request_is_put_off_once_and_refused(api: ApiUnderTest, key: str) -> None:
    person = await known(api)
    received_ms = time.time_ns() // 1_000_000 - 3 * 86_400_000
    asked = await opened(api, key, person, identity="unproven", received_at=moment_text(received_ms))
    path = f"{REQUESTS}/{asked.body['request_id']}"
    assert asked.body["due_at"] == moment_text(request_due(received_ms))
    extended = await api.post(f"{path}/extension", {"reason": "complex"}, key=key)
    assert (extended.body["extended"], extended.body["due_at"]) == (
        True,
        moment_text(request_due(received_ms, extended=True)),
    )
    again = await api.post(f"{path}/extension", {"reason": "many_requests"}, key=key)
    assert again.body["due_at"] == extended.body["due_at"]
    refused = await api.post(f"{path}/refusal", {"reason": "not_the_person"}, key=key)
    assert (refused.body["state"], refused.body["refusal"]) == ("refused", "not_the_person")
    late = await api.post(f"{path}/extension", {"reason": "complex"}, key=key)
    assert (late.status, late.code) == (409, "request_closed")


async def test_a_request_is_not_put_off_after_the_day_on_which_it_was_due(api: ApiUnderTest, key: str) -> None:
    person = await known(api)
    asked = await opened(api, key, person, identity="unproven", received_at="2026-01-31T10:00:00+01:00")
    assert asked.body["due_at"] == "2026-02-28T22:59:59.999Z"
    late = await api.post(f"{REQUESTS}/{asked.body['request_id']}/extension", {"reason": "complex"}, key=key)
    assert (late.status, late.code) == (409, "extension_too_late")


async def test_requests_are_listed_newest_first_by_state_and_page(live: Live) -> None:
    made = []
    async with api_under_test(live.stack, live.url, catalogue=False) as own:
        key = await own.new_key("requests")
        for day in (1, 2, 3):
            received_at = f"2025-03-0{day}T10:00:00Z"
            asked = await opened(own, key, await known(own), identity="unproven", received_at=received_at)
            made.append(asked.body["request_id"])
        await own.post(f"{REQUESTS}/{made[0]}/refusal", {"reason": "withdrawn"}, key=key)
        first = (await own.get(f"{REQUESTS}?limit=2", key=key)).body
        rest = (await own.get(f"{REQUESTS}?limit=2&cursor={first['next_cursor']}", key=key)).body
        refused = (await own.get(f"{REQUESTS}?state=refused", key=key)).body["requests"]
    assert [one["request_id"] for one in first["requests"] + rest["requests"]] == made[::-1]
    assert rest["next_cursor"] is None
    assert [one["request_id"] for one in refused] == made[:1]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"categories": ["telepathy"]}, 422, "category_unknown"),
        ({"holds": {"whim": "2026-01-01"}}, 422, "hold_unknown"),
        ({"holds": {"invoices": "last spring"}}, 422, "time_malformed"),
        ({"received_at": "2100-01-01T00:00:00Z"}, 422, "time_in_future"),
        ({"received_at": "2026-01-01"}, 422, "time_malformed"),
        ({"request_id": "anna@example.se"}, 422, "request_id_malformed"),
        ({"identity": "sure"}, 422, "field_wrong_type"),
        ({"kind": "access"}, 422, "field_wrong_type"),
        ({"reason": "because"}, 422, "field_unknown"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_a_request_with_a_defect_is_refused_and_changes_nothing(
    api: ApiUnderTest, key: str, fields: dict[str, Any], status: int, code: str
) -> None:
    before = (await api.get(f"{REQUESTS}?limit=1", key=key)).body["requests"]
    answer = await opened(api, key, await known(api), **fields)
    assert (answer.status, answer.code) == (status, code)
    assert "anna" not in str(answer.body)
    after = (await api.get(f"{REQUESTS}?limit=1", key=key)).body["requests"]
    assert [one["request_id"] for one in after] == [one["request_id"] for one in before]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=lost", "field_wrong_type"),
        ("overdue=perhaps", "field_wrong_type"),
        ("limit=0", "field_wrong_type"),
        ("limit=201", "field_wrong_type"),
        ("cursor=x", "cursor_malformed"),
        ("page=2", "field_unknown"),
    ],
)
async def test_a_list_with_a_defect_is_refused(api: ApiUnderTest, key: str, query: str, code: str) -> None:
    answer = await api.get(f"{REQUESTS}?{query}", key=key)
    assert answer.code == code


@pytest.mark.parametrize("path", ["extension", "refusal"])
async def test_a_reason_stands_in_a_closed_list(api: ApiUnderTest, key: str, path: str) -> None:
    answer = await api.post(f"{REQUESTS}/{secrets.token_hex(16)}/{path}", {"reason": "anna said so"}, key=key)
    assert (answer.status, answer.code) == (422, "reason_unknown")
    assert "anna" not in str(answer.body)


async def test_the_log_says_how_long_a_producer_may_rely_on_what_it_knows(api: ApiUnderTest) -> None:
    told = (await api.get("/v1/log")).body
    assert (told["subject_cache_seconds"], told["append_deadline_seconds"]) == (3.0, 4.0)
