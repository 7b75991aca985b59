"""What the SDK does when the API answers late, wrongly or not at all."""

import asyncio
import time
from typing import Any

import pytest

from ledger.errors import ConfigurationError, Conflict, Forbidden, Rejected, Unauthorised, Unavailable
from ledger.sdk import Ask, Ledger, email, http_transport
from tests.support.scripted_api import CLOSE, HANG, Answer, ScriptedApi, scripted_api

ANNA = email("anna@example.se")
KEY = "lk_test_secret"
NEWSLETTER = {"purpose": "newsletter", "channel": "email"}
SAVED = Answer(
    201,
    {
        "act_id": "ab" * 16,
        "position": "p1.x",
        "recorded": [{"act": "withdraw", "event_id": "cd" * 16, "effective": True, "offset": 7, "news": 1}],
        "repeat": False,
    },
)
ALLOWED = Answer(200, {"answers": [{"allowed": True, "reason": "consent_given", "purpose": "newsletter"}]})


def problem(status: int, code: str, retryable: bool, **headers: str) -> Answer:
    """An error as the API writes it."""
    body = {"code": code, "detail": "details", "retryable": retryable}
    return Answer(status, body, {"Content-Type": "application/problem+json", **headers})


BUSY = problem(503, "log_unavailable", True)


@pytest.fixture(autouse=True)
def long_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no fault of the API's."""
    monkeypatch.setattr(http_transport, "ASK_SECONDS", 30.0)


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch, long_deadlines: None) -> None:
    """Tests that wait for a failure wait for tenths of seconds where callers wait for seconds."""
    monkeypatch.setattr(http_transport, "RECORD_SECONDS", 1.5)
    monkeypatch.setattr(http_transport, "ASK_SECONDS", 0.5)


async def withdraw(api: ScriptedApi, **more: Any) -> Any:
    """One act against the scripted API."""
    async with Ledger.connect(api.url, KEY) as ledger:
        return await ledger.withdraw(ANNA, **NEWSLETTER, **more)


async def test_a_lost_answer_is_asked_for_again_under_the_same_key() -> None:
    async with scripted_api(CLOSE, BUSY, SAVED) as api:
        saved = await withdraw(api)
    keys = {request.headers["idempotency-key"] for request in api.received}
    assert saved.act_id == "ab" * 16
    assert (len(api.received), len(keys)) == (3, 1)


async def test_the_wait_of_a_retry_includes_what_was_lost_before_it() -> None:
    async with scripted_api(problem(503, "log_unavailable", True, **{"Retry-After": "1"}), SAVED) as api:
        await withdraw(api, waited_ms=40)
    first, second = (request.body["waited_ms"] for request in api.received)
    assert 40 <= first < 1_000
    assert second >= 1_040


async def test_retry_after_is_honoured() -> None:
    async with scripted_api(Answer(429, {}, {"Retry-After": "1"}), SAVED) as api:
        begun = time.monotonic()
        await withdraw(api)
        assert time.monotonic() - begun >= 1.0


@pytest.mark.usefixtures("short_deadlines")
async def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    async with scripted_api(problem(503, "log_unavailable", True, **{"Retry-After": "60"})) as api:
        with pytest.raises(Unavailable) as raised:
            await withdraw(api)
    assert raised.value.code == "log_unavailable"
    assert len(api.received) == 1


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize("answer", [HANG, CLOSE, BUSY, Answer(500, b"oops"), Answer(502, b"<html>")])
async def test_an_act_that_nobody_acknowledged_is_never_claimed(answer: Answer) -> None:
    async with scripted_api(answer) as api:
        with pytest.raises(Unavailable) as raised:
            await withdraw(api)
    sent = {request.headers["idempotency-key"] for request in api.received}
    assert raised.value.retryable
    assert {raised.value.context["idempotency_key"]} == sent


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize("answer", [HANG, CLOSE, BUSY, Answer(500, b"oops"), Answer(200, b"<html>")])
async def test_a_check_that_gets_no_answer_denies(answer: Answer) -> None:
    async with scripted_api(answer) as api, Ledger.connect(api.url, KEY) as ledger:
        answers = await ledger.check_many([])
        decision = await ledger.check(ANNA, **NEWSLETTER)
    assert answers == []
    assert (bool(decision), decision.reason, decision.retryable) == (False, "unavailable", True)


@pytest.mark.usefixtures("short_deadlines")
async def test_a_check_denies_where_nobody_listens() -> None:
    async with Ledger.connect("http://127.0.0.1:9", KEY) as ledger:
        decision = await ledger.check(ANNA, **NEWSLETTER)
        with pytest.raises(Unavailable):
            await ledger.withdraw(ANNA)
    assert (bool(decision), decision.reason) == (False, "unavailable")


@pytest.mark.usefixtures("short_deadlines")
async def test_an_answer_to_other_questions_denies() -> None:
    async with scripted_api(Answer(200, {"answers": []})) as api, Ledger.connect(api.url, KEY) as ledger:
        decision = await ledger.check(ANNA, **NEWSLETTER)
    assert decision.reason == "unavailable"


async def test_a_check_is_tried_again_while_there_is_time() -> None:
    async with scripted_api(BUSY, ALLOWED) as api, Ledger.connect(api.url, KEY) as ledger:
        assert await ledger.check(ANNA, **NEWSLETTER)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (problem(401, "api_key_invalid", False), Unauthorised, "api_key_invalid"),
        (problem(409, "idempotency_key_reused", False), Conflict, "idempotency_key_reused"),
        (problem(422, "purpose_unknown", False), Rejected, "purpose_unknown"),
        (problem(422, "code_of_next_year", False), Rejected, "refused_by_ledger"),
        (problem(403, "", False), Forbidden, "refused_by_ledger"),
        (Answer(404, b"<html>not the ledger"), Exception, "refused_by_ledger"),
        (Answer(302, b"", {"Location": "http://example.invalid/"}), Rejected, "refused_by_ledger"),
    ],
)
async def test_a_refusal_is_raised_at_once_with_its_code(
    answer: Answer, kind: type[Exception], code: str
) -> None:
    async with scripted_api(answer) as api:
        with pytest.raises(kind) as raised:
            await withdraw(api)
    assert raised.value.code == code  # type: ignore[attr-defined]
    assert len(api.received) == 1


async def test_the_bearer_of_the_key_is_sent_and_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with scripted_api(SAVED) as api:
        await withdraw(api)
    (request,) = api.received
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_an_unusable_url_is_a_configuration_error() -> None:
    async with Ledger.connect("gopher://ledger", KEY) as ledger:
        with pytest.raises(ConfigurationError):
            await ledger.withdraw(ANNA)


async def test_many_questions_go_in_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_transport, "QUESTIONS_PER_REQUEST", 2)
    two = Answer(200, {"answers": ALLOWED.body["answers"] * 2})  # type: ignore[index]
    async with scripted_api(two, ALLOWED) as api, Ledger.connect(api.url, KEY) as ledger:
        answers = await ledger.check_many([Ask(ANNA, "newsletter", "email")] * 3)
    assert [bool(answer) for answer in answers] == [True, True, True]
    assert [len(request.body["questions"]) for request in api.received] == [2, 1]


async def test_acts_of_one_person_wait_for_each_other_and_those_of_others_do_not() -> None:
    bertil = email("bertil@example.se")
    slow = problem(503, "log_unavailable", True, **{"Retry-After": "1"})
    async with scripted_api(slow, SAVED) as api, Ledger.connect(api.url, KEY) as ledger:
        first = asyncio.create_task(ledger.withdraw(ANNA, purpose="first"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(ledger.withdraw(ANNA, purpose="second"))
        await ledger.withdraw(bertil, purpose="other")
        assert not first.done()
        await asyncio.gather(first, second)
    order = [request.body["acts"][0]["purpose"] for request in api.received]
    assert order == ["first", "other", "first", "second"]


@pytest.mark.parametrize("key", ["again-1", None])
async def test_an_act_called_again_after_a_failure_is_as_old_as_its_first_call(key: str | None) -> None:
    gone = Answer(503, {}, {"Retry-After": "60"})
    async with scripted_api(gone, SAVED, SAVED) as api, Ledger.connect(api.url, KEY) as ledger:
        with pytest.raises(Unavailable) as raised:
            await ledger.withdraw(ANNA, idempotency_key=key)
        again = str(raised.value.context["idempotency_key"])
        await asyncio.sleep(0.3)
        await ledger.withdraw(ANNA, idempotency_key=again)
        await ledger.withdraw(ANNA, idempotency_key=again)
    first, second, third = (request.body["waited_ms"] for request in api.received)
    assert second >= first + 300
    assert third < second


async def test_a_wait_that_the_caller_measured_is_not_counted_twice() -> None:
    gone = Answer(503, {}, {"Retry-After": "60"})
    async with scripted_api(gone, SAVED) as api, Ledger.connect(api.url, KEY) as ledger:
        with pytest.raises(Unavailable):
            await ledger.withdraw(ANNA, idempotency_key="k", waited_ms=10_000)
        await ledger.withdraw(ANNA, idempotency_key="k", waited_ms=60_000)
    assert 60_000 <= api.received[1].body["waited_ms"] < 69_000


async def test_a_ledger_belongs_to_the_loop_of_its_first_call() -> None:
    async with scripted_api(SAVED) as api:
        ledger = Ledger.connect(api.url, KEY)
        await ledger.withdraw(ANNA)

        def elsewhere() -> None:
            asyncio.run(ledger.withdraw(ANNA))

        with pytest.raises(ConfigurationError) as raised:
            await asyncio.to_thread(elsewhere)
        await ledger.aclose()
    assert raised.value.code == "loop_changed"
