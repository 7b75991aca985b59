"""What a check answers before its first rule: positions, staleness, quarantine, a refused log."""

import asyncio
import secrets
import time
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from ledger.domain.events import Capture, Lane, Origin
from ledger.domain.positions import Position, PositionEntry
from ledger.event_log import codec
from ledger.event_log.log_info import read_log_info
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import topic_name
from ledger.read_model import pool
from tests.support.api import ApiUnderTest, api_under_test, new_email, until
from tests.support.catalogue import small_catalogue
from tests.support.log_records import grant
from tests.support.services import Stack


def further(token: str, by: int) -> str:
    """The position, so many records further on."""
    position = Position.decode(token)
    entries = [
        msgspec.structs.replace(entry, next_offset=entry.next_offset + by) for entry in position.entries
    ]
    return Position.of(*entries).encode()


async def test_a_position_beyond_the_end_of_the_log_is_unknown(api: ApiUnderTest) -> None:
    person = new_email()
    saved = await api.grant(person)
    answer = await api.check(person, at_least=further(saved.body["position"], 1000), wait_ms=50)
    assert (answer["allowed"], answer["reason"], answer["retryable"]) == (False, "position_unknown", False)


@pytest.mark.parametrize(
    "change",
    [
        {"log_id": bytes(16)},
        {"generation": 2},
        {"partition": 7},
    ],
)
async def test_a_position_of_another_log_generation_or_partition_is_unknown(
    api: ApiUnderTest, change: dict[str, Any]
) -> None:
    person = new_email()
    saved = await api.grant(person)
    (entry,) = Position.decode(saved.body["position"]).entries
    foreign = Position.of(msgspec.structs.replace(entry, **change)).encode()
    answer = await api.check(person, at_least=foreign)
    assert (answer["allowed"], answer["reason"]) == (False, "position_unknown")


@pytest.mark.parametrize("token", ["", "p1.", "p1.AAAA", "p2.xyz", "x" * 9000, "p1.\u00e5"])
async def test_what_is_no_position_is_refused(api: ApiUnderTest, token: str) -> None:
    question = {"subject": {"email": new_email()}, "purpose": "newsletter"}
    answer = await api.post("/v1/decisions", {"questions": [question], "at_least": token})
    assert (answer.status, answer.code) == (400, "position_malformed")


@pytest.mark.parametrize("wait_ms", [-1, 10_001, "long"])
async def test_the_wait_is_bounded(api: ApiUnderTest, wait_ms: Any) -> None:
    question = {"subject": {"email": new_email()}, "purpose": "newsletter"}
    answer = await api.post("/v1/decisions", {"questions": [question], "wait_ms": wait_ms})
    assert (answer.status, answer.code) == (422, "field_wrong_type")


async def test_the_position_of_a_decision_is_reached_by_the_next_one(api: ApiUnderTest) -> None:
    person = new_email()
    saved = await api.grant(person)
    first = await api.check(person, at_least=saved.body["position"])
    again = await api.check(person, at_least=first["position"])
    assert again["allowed"] is True


async def test_a_grant_made_on_a_screen_that_showed_the_no_stands(api: ApiUnderTest) -> None:
    person = new_email()
    withdrawn = await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
    shown = await api.check(person, at_least=withdrawn.body["position"])
    blind = await api.grant(person)
    assert blind.body["recorded"][0]["effective"] is False
    assert blind.body["recorded"][0]["outranked_by"]["event_id"] == withdrawn.body["act_id"]
    seeing = await api.grant(person, seen=shown["position"])
    assert seeing.body["recorded"][0]["effective"] is True
    assert (await api.check(person, at_least=seeing.body["position"]))["allowed"] is True


async def test_a_position_that_says_nothing_about_the_person_counts_as_not_seen(api: ApiUnderTest) -> None:
    person = new_email()
    withdrawn = await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
    (entry,) = Position.decode(withdrawn.body["position"]).entries
    foreign = Position.of(msgspec.structs.replace(entry, log_id=bytes(16))).encode()
    saved = await api.grant(person, seen=foreign)
    (recorded,) = saved.body["recorded"]
    assert recorded["effective"] is False
    assert recorded["reports"] == [{"field": "seen", "code": "seen_elsewhere"}]


async def test_a_frozen_fold_is_waited_for_then_denied_then_stale(stack: Stack) -> None:
    handle = stack.start_api(LEDGER_STALENESS_BOUND_SECONDS="8")

    async with api_under_test(stack, handle.url, catalogue=False) as api:
        fold = stack.start_fold(LEDGER_FOLD_CONTROLLERS=api.controller)
        await publish_small(api)
        person = new_email()
        granted = await api.grant(person)
        assert (await api.check(person, at_least=granted.body["position"]))["allowed"] is True

        fold.freeze()
        withdrawn = await api.act(person, {"act": "withdraw", "purpose": "newsletter"})
        assert withdrawn.status == 201
        regranted = await api.grant(person, seen=withdrawn.body["position"])
        assert regranted.body["recorded"][0]["effective"] is None
        waiting = [
            asyncio.create_task(api.check(person, at_least=withdrawn.body["position"], wait_ms=1500))
            for _ in range(40)
        ]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        unwaited = await api.check(person)
        assert unwaited["allowed"] is True, "without a position the check answers from what is folded"
        assert time.monotonic() - began < 1.2, "those who wait hold no connection"
        for answer in await asyncio.gather(*waiting):
            assert (answer["reason"], answer["retryable"]) == ("position_not_reached", True)
            assert answer["position"] is not None
            assert answer["staleness_ms"] >= 0

        async def stale() -> bool:
            return (await api.check(person))["reason"] == "stale"

        await until(stale)
        began = time.monotonic()
        answer = await api.check(person, at_least=withdrawn.body["position"], wait_ms=10_000)
        assert answer["reason"] == "position_not_reached"
        assert time.monotonic() - began < 5, "a stale partition is not waited for"

        fold.thaw()
        waiting_again = api.check(person, at_least=regranted.body["position"], wait_ms=10_000)

        async def fresh() -> bool:
            return (await api.check(person))["reason"] == "consent_given"

        await asyncio.gather(until(fresh), waiting_again)


async def test_a_record_in_doubt_and_a_refused_log_deny(stack: Stack) -> None:
    handle = stack.start_api()
    async with api_under_test(stack, handle.url, catalogue=False) as api:
        stack.start_fold(LEDGER_FOLD_CONTROLLERS=api.controller)
        await publish_small(api)
        doubted, other = new_email(), new_email()
        for person in (doubted, other):
            saved = await api.grant(person)
            assert (await api.check(person, at_least=saved.body["position"]))["allowed"] is True
        found = await api.post("/v1/subjects/lookup", {"subject": {"email": doubted}})
        producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap)
        await producer.start()
        try:
            key = bytes.fromhex(found.body["subject_id"])
            await producer.send_and_wait(topic_name(api.controller, "events"), b"\xc3\x01nonsense", key, 0)
        finally:
            await producer.stop()

        async def quarantined() -> bool:
            return (await api.check(doubted))["reason"] == "quarantined"

        await until(quarantined)
        assert (await api.check(other))["allowed"] is True

        await refuse_log(stack, api.controller)
        for person in (doubted, other):
            answer = await api.check(person, at_least=further(saved.body["position"], 1000))
            assert answer["reason"] == "log_refused"


async def publish_small(api: ApiUnderTest) -> None:
    await api.publish(small_catalogue(api.controller))
    await api.wait_in_force()


async def refuse_log(stack: Stack, controller: str) -> None:
    connection = await pool.connect(stack.dsn, application_name="tests", schema="read_model")
    try:
        topic = topic_name(controller, "events")
        await connection.execute("update position set refused = 'log_recreated' where topic = $1", topic)
    finally:
        await connection.close()


async def test_a_check_waits_for_a_position_of_the_backfill_lane(api: ApiUnderTest) -> None:
    person = secrets.token_bytes(16)
    info = await read_log_info(api.stack.bootstrap, api.controller)
    imported = grant(
        notice="signup@3", controller=api.controller, origin=Origin.IMPORTED, capture=Capture.IMPORT
    )
    async with Appender(api.stack.bootstrap) as appender:
        at = await appender.append(
            topic_name(api.controller, Lane.BACKFILL), 0, person, lambda _: codec.encode(imported), timeout_s=30
        )
    entry = PositionEntry(
        log_id=info.log_id,
        generation=info.generation,
        lane=Lane.BACKFILL,
        partition=0,
        next_offset=at.offset + 1,
        stamp_ms=at.broker_ms,
    )
    question = {"subject": {"subject_id": person.hex()}, "purpose": "newsletter", "channel": "email"}

    async def asked(at_least: str, wait_ms: int) -> dict[str, Any]:
        body = {"questions": [question], "at_least": at_least, "wait_ms": wait_ms}
        answer = await api.post("/v1/decisions", body)
        return dict(answer.body["answers"][0])

    reached = await asked(Position.of(entry).encode(), 10_000)
    assert (reached["allowed"], reached["reason"]) == (True, "consent_given")
    read = Position.decode(reached["position"]).entry(entry.key)
    assert read is not None and read.next_offset >= entry.next_offset
    beyond = await asked(further(Position.of(entry).encode(), 1_000), 50)
    assert (beyond["allowed"], beyond["reason"]) == (False, "position_unknown")
