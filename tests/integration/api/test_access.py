"""Who may do what: keys, scopes, controllers."""

import re
import secrets
from typing import Any

import pytest

from ledger.api import keys
from ledger.api.keys import ScopeName
from ledger.api.routes import ROUTES, ApiRoute
from ledger.read_model import pool
from tests.support.api import ApiUnderTest, api_under_test, new_email, until
from tests.support.live import Live

BODIES: dict[str, Any] = {
    "/v1/acts": {"subject": {"email": "a@example.se"}, "acts": [{"act": "withdraw"}]},
    "/v1/decisions": {"questions": [{"subject": {"email": "a@example.se"}, "purpose": "newsletter"}]},
    "/v1/subjects/lookup": {"subject": {"email": "a@example.se"}},
    "/v1/subjects/resolve": {"subject": {"email": "a@example.se"}},
    "/v1/rights-requests": {"subject": {"email": "a@example.se"}},
    "/v1/rights-requests/{request_id}/extension": {"reason": "complex"},
    "/v1/rights-requests/{request_id}/refusal": {"reason": "excessive"},
}


def path_of(route: ApiRoute) -> str:
    return re.sub(r"\{\w+_id\}", secrets.token_hex(16), route.path)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_no_route_answers_without_a_key(api: ApiUnderTest, route: ApiRoute) -> None:
    for key in (None, "nonsense", api.key[:-1] + "x", "lk_aaaaaaaa_" + "0" * 49):
        answer = await api.send(route.method, path_of(route), BODIES.get(route.path), key=key)
        assert answer.status == 401, (key, answer)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_needs_its_own_scope(api: ApiUnderTest, route: ApiRoute) -> None:
    others = [scope.value for scope in ScopeName if scope is not route.scope]
    key = await api.new_key(*others)
    answer = await api.send(route.method, path_of(route), BODIES.get(route.path), key=key)
    assert (answer.status, answer.code) == (403, "scope_missing")


async def test_another_controllers_subject_and_a_missing_one_look_the_same(
    api: ApiUnderTest, live: Live
) -> None:
    person = new_email()
    saved = await api.grant(person)
    subject_id = (await api.post("/v1/subjects/lookup", {"subject": {"email": person}})).body["subject_id"]
    async with api_under_test(live.stack, live.url) as other:
        for known in (subject_id, secrets.token_hex(16)):
            for kind in ("standing", "history"):
                answer = await other.get(f"/v1/subjects/{known}/{kind}")
                assert (answer.status, answer.code) == (404, "subject_unknown")
            looked_up = await other.post("/v1/subjects/lookup", {"subject": {"subject_id": known}})
            assert looked_up.body == {"subject_id": None}
            acted = await other.post(
                "/v1/acts", {"subject": {"subject_id": known}, "acts": [{"act": "withdraw"}]}
            )
            assert (acted.status, acted.code) == (404, "subject_unknown")
            question = {"subject": {"subject_id": known}, "purpose": "newsletter", "channel": "email"}
            asked = await other.post("/v1/decisions", {"questions": [question]})
            assert asked.body["answers"][0]["reason"] == "no_events"
        assert (await other.check(person))["reason"] == "subject_unknown"
        foreign = await other.grant(person)
        asked_at = await other.check(person, at_least=saved.body["position"])
        assert asked_at["reason"] == "position_unknown"
        assert foreign.status == 201
    assert (await api.check(person, at_least=saved.body["position"]))["allowed"] is True


async def test_a_revoked_key_is_refused_within_seconds(api: ApiUnderTest) -> None:
    key = await api.new_key("ask")
    assert (await api.get("/v1/catalogue", key=key)).status == 200
    connection = await pool.connect(api.stack.dsn, application_name="tests")
    try:
        await keys.revoke(connection, keys.parse(key).prefix)
    finally:
        await connection.close()

    async def refused() -> bool:
        return (await api.get("/v1/catalogue", key=key)).code == "api_key_revoked"

    await until(refused, seconds=10)


async def test_a_key_that_may_not_read_sees_one_reason_for_every_no(api: ApiUnderTest) -> None:
    asking = await api.new_key("ask", "record")
    for act, purpose in (("withdraw", "newsletter"), ("refuse", "newsletter"), ("object", "offers")):
        person = new_email()
        saved = await api.act(person, {"act": act, "purpose": purpose}, key=asking)
        told = await api.check(person, purpose, at_least=saved.body["position"], key=asking)
        assert (told["allowed"], told["reason"]) == (False, "opted_out")
        known = await api.check(person, purpose)
        assert known["reason"] in ("withdrawn", "refused", "objected")


async def test_an_outranked_yes_tells_a_key_that_may_not_read_no_more_than_that(api: ApiUnderTest) -> None:
    asking = await api.new_key("record")
    for key, reason in ((asking, "opted_out"), (api.key, "withdrawn")):
        person = new_email()
        await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
        grant = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}
        saved = await api.act(person, grant, key=key)
        (recorded,) = saved.body["recorded"]
        assert recorded["effective"] is False
        assert recorded["outranked_by"]["reason"] == reason


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "route_unknown"),
        ("GET", "/v1/acts", 405, "method_not_allowed"),
        ("DELETE", "/v1/catalogue", 405, "method_not_allowed"),
        ("GET", "/v1/catalogue?version=1", 422, "field_unknown"),
        ("GET", "/v1/subjects/xyz/standing", 422, "subject_id_malformed"),
    ],
)
async def test_what_is_no_request_of_the_api_is_a_problem_too(
    api: ApiUnderTest, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.send(method, path)
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
