"""Postgres or Kafka away: a check denies, an act is said to be unrecorded, and both come back by themselves."""

import asyncio
import uuid

import pytest

from tests.support.api import ApiUnderTest, api_under_test, new_email, until
from tests.support.catalogue import small_catalogue
from tests.support.services import Stack

WITHDRAW = {"act": "withdraw", "purpose": "newsletter"}


async def opened(api: ApiUnderTest, stack: Stack) -> str:
    """A fold and a catalogue for this controller; the address of a person whose grant allows."""
    stack.start_fold(LEDGER_FOLD_CONTROLLERS=api.controller)
    await api.publish(small_catalogue(api.controller))
    await api.wait_in_force()
    person = new_email()
    saved = await api.grant(person)
    assert (await api.check(person, at_least=saved.body["position"]))["allowed"] is True
    return person


@pytest.mark.faults
async def test_without_postgres_every_check_denies_as_unavailable_until_it_is_back(stack: Stack) -> None:
    proxy, dsn = stack.postgres_proxy()
    try:
        handle = stack.start_api(LEDGER_POSTGRES_DSN=dsn, LEDGER_VAULT_DSN=dsn)
        async with api_under_test(stack, handle.url, catalogue=False) as api:
            person = await opened(api, stack)
            for outage in (proxy.cut, proxy.stall):
                outage()
                for _ in range(3):
                    answer = await api.check(person)
                    assert (answer["allowed"], answer["reason"]) == (False, "unavailable")
                    assert answer["retryable"] is True
                # Longer than a verified key is believed: it is still known, and told no more than that.
                await asyncio.sleep(4.5)
                assert (await api.check(person))["reason"] == "unavailable"
                unknown_key = await api.get("/v1/catalogue", key=await api.new_key("ask"))
                assert (unknown_key.status, unknown_key.code) == (503, "postgres_unavailable")
                assert "retry-after" in unknown_key.headers
                acted = await api.act(person, WITHDRAW)
                assert (acted.status, acted.code) == (503, "postgres_unavailable")
                ready = await api.get("/readyz")
                assert (ready.status, ready.body["reasons"]) == (503, ["postgres_unavailable"])
                assert (await api.get("/livez")).status == 200
                proxy.restore()

                async def allows() -> bool:
                    return (await api.check(person))["allowed"] is True

                await until(allows)
    finally:
        proxy.close()


async def test_an_api_started_without_postgres_connects_when_it_comes(stack: Stack) -> None:
    proxy, dsn = stack.postgres_proxy()
    try:
        proxy.cut()
        handle = stack.start_api(wait=False, LEDGER_POSTGRES_DSN=dsn, LEDGER_VAULT_DSN=dsn)
        async with api_under_test(stack, handle.url, catalogue=False) as api:

            async def refuses() -> bool:
                try:
                    answer = await api.get("/readyz")
                except OSError:
                    return False
                except Exception as error:
                    if type(error).__name__ == "ConnectError":
                        return False
                    raise
                return answer.status == 503

            await until(refuses)
            assert (await api.get("/v1/catalogue")).code == "postgres_unavailable"
            proxy.restore()

            async def ready() -> bool:
                return (await api.get("/readyz")).status == 200

            await until(ready)
            assert (await api.get("/v1/log")).status == 200
    finally:
        proxy.close()


async def test_without_kafka_an_act_is_unrecorded_and_its_retry_has_one_effect(stack: Stack) -> None:
    proxy, bootstrap = stack.kafka_proxy()
    try:
        handle = stack.start_api(LEDGER_KAFKA_BOOTSTRAP=bootstrap)
        async with api_under_test(stack, handle.url, catalogue=False) as api:
            person = await opened(api, stack)
            key = str(uuid.uuid4())
            proxy.cut()
            acted = await api.act(person, WITHDRAW, idempotency_key=key)
            assert (acted.status, acted.code, acted.body["retryable"]) == (503, "log_unavailable", True)
            assert "retry-after" in acted.headers
            assert (await api.check(person))["allowed"] is True
            ready = await api.get("/readyz")
            assert (ready.status, ready.body["reasons"]) == (200, ["log_unavailable"])
            proxy.restore()

            async def recorded() -> bool:
                again = await api.act(person, WITHDRAW, idempotency_key=key)
                if again.status == 503:
                    return False
                assert (again.status, again.body["repeat"]) == (201, True)
                answer = await api.check(person, at_least=again.body["position"], wait_ms=10_000)
                assert answer["reason"] == "withdrawn"
                return True

            await until(recorded)
            found = await api.post("/v1/subjects/lookup", {"subject": {"email": person}})
            history = await api.get(f"/v1/subjects/{found.body['subject_id']}/history")
            counted = [event for event in history.body["events"] if event["outcome"] == "counted"]
            assert [event["type"] for event in counted] == ["ConsentGiven", "ConsentWithdrawn"]
    finally:
        proxy.close()
