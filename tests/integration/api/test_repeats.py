"""One idempotency key, one act: found again, refused with other content, and never lost for a no."""

import asyncio
import uuid
from datetime import UTC, datetime

from ledger.read_model import pool
from tests.support.api import ApiUnderTest, new_email, until

GRANT = {"act": "grant", "purpose": "newsletter", "channel": "email", "notice": "signup@3"}
WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}


async def outcomes(api: ApiUnderTest, email: str) -> list[str]:
    found = await api.post("/v1/subjects/lookup", {"subject": {"email": email}})
    history = await api.get(f"/v1/subjects/{found.body['subject_id']}/history")
    return [event["outcome"] for event in history.body["events"]]


async def test_the_same_request_again_is_the_same_act(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    first = await api.act(person, GRANT, idempotency_key=key, waited_ms=5)
    again = await api.act(
        person, GRANT, idempotency_key=key, waited_ms=900, occurred_at=datetime.now(UTC).isoformat()
    )
    assert (first.body["repeat"], again.body["repeat"]) == (False, True)
    assert again.status == 201
    assert again.body["act_id"] == first.body["act_id"]
    assert again.body["position"] == first.body["position"]
    assert again.body["recorded"][0]["event_id"] == first.body["recorded"][0]["event_id"]
    await api.check(person, at_least=first.body["position"])
    assert await outcomes(api, person) == ["counted"]


async def test_a_yes_under_a_used_key_is_refused(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    await api.act(person, GRANT, idempotency_key=key)
    other = await api.act(person, {**GRANT, "purpose": "profiling", "channel": None}, idempotency_key=key)
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    other_person = await api.act(new_email(), GRANT, idempotency_key=key)
    assert (other_person.status, other_person.code) == (409, "idempotency_key_reused")


async def test_a_no_under_a_used_key_is_recorded_under_a_new_id_and_reported(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    granted = await api.act(person, GRANT, idempotency_key=key)
    withdrawn = await api.act(person, WITHDRAW, idempotency_key=key)
    assert withdrawn.status == 201
    assert withdrawn.body["act_id"] != granted.body["act_id"]
    report = {"field": "idempotency_key", "code": "idempotency_key_reused"}
    assert report in withdrawn.body["recorded"][0]["reports"]
    again = await api.act(person, WITHDRAW, idempotency_key=key)
    assert again.body["repeat"] is True
    assert again.body["act_id"] == withdrawn.body["act_id"]
    decision = await api.check(person, at_least=withdrawn.body["position"])
    assert decision["reason"] == "withdrawn"


async def test_of_a_form_under_a_used_key_the_noes_are_recorded(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    await api.act(person, GRANT, idempotency_key=key)
    form = await api.act(person, GRANT, {"act": "refuse", "purpose": "profiling"}, idempotency_key=key)
    assert form.status == 201
    assert [one["act"] for one in form.body["recorded"]] == ["refuse"]
    assert [one["code"] for one in form.body["refused"]] == ["idempotency_key_reused"]


async def test_a_refused_request_does_not_use_up_its_key(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    refused = await api.act(person, {**GRANT, "purpose": "nonsense"}, idempotency_key=key)
    assert refused.status == 422
    mended = await api.act(person, GRANT, idempotency_key=key)
    assert (mended.status, mended.body["repeat"]) == (201, False)


async def test_a_form_that_was_recorded_in_part_is_tried_again_as_a_whole(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    form = ({"act": "refuse", "purpose": "profiling"}, {**GRANT, "purpose": "nonsense"})
    first = await api.act(person, *form, idempotency_key=key)
    again = await api.act(person, *form, idempotency_key=key)
    assert first.body["act_id"] == again.body["act_id"]
    assert [one["code"] for one in again.body["refused"]] == ["purpose_unknown"]
    await api.check(person, at_least=again.body["position"])
    assert await outcomes(api, person) == ["counted", "repeat"]


async def test_a_crash_between_append_and_answer_leaves_one_effect(api: ApiUnderTest) -> None:
    """The row of a crashed request has no position: the retry appends again, and the fold counts the first."""
    person, key = new_email(), str(uuid.uuid4())
    first = await api.act(person, GRANT, idempotency_key=key)
    connection = await pool.connect(api.stack.dsn, application_name="tests")
    try:
        act_id = bytes.fromhex(first.body["act_id"])
        await connection.execute("update vault.intake_key set position = null where act_id = $1", act_id)
    finally:
        await connection.close()
    again = await api.act(person, GRANT, idempotency_key=key)
    assert again.body["repeat"] is True
    assert again.body["act_id"] == first.body["act_id"]
    assert again.body["recorded"][0]["offset"] > first.body["recorded"][0]["offset"]
    await api.check(person, at_least=again.body["position"])
    assert await outcomes(api, person) == ["counted", "repeat"]
    assert (await api.check(person))["allowed"] is True


async def test_the_same_key_at_the_same_time_has_one_effect(api: ApiUnderTest) -> None:
    person, key = new_email(), str(uuid.uuid4())
    answers = await asyncio.gather(*(api.act(person, GRANT, idempotency_key=key) for _ in range(12)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["act_id"] for answer in answers}) == 1
    for answer in answers:
        await api.check(person, at_least=answer.body["position"])

    async def one_counted() -> bool:
        return (await outcomes(api, person)).count("counted") == 1

    await until(one_counted)


async def test_a_repeat_is_answered_as_recorded_also_when_it_would_be_refused_today(
    api: ApiUnderTest,
) -> None:
    person, key = new_email(), str(uuid.uuid4())
    first = await api.act(person, GRANT, idempotency_key=key)
    again = await api.act(person, GRANT, idempotency_key=key, occurred_at="2100-01-01T00:00:00Z")
    assert (again.status, again.body["repeat"]) == (201, True)
    assert again.body["position"] == first.body["position"]
