"""What a direct producer writes to the log, with the API there, half there and away."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from ledger.domain.catalogue import canonical_document
from ledger.domain.events import ConsentWithdrawn, Lane, ObjectionRaised, PreferenceSet, SubjectEvent
from ledger.errors import IntegrityViolation, Rejected, Unavailable
from ledger.event_log.codec import decode
from ledger.event_log.log_info import read_log_info
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name
from ledger.sdk import Ledger, email, kafka_transport, subject_id
from ledger.sdk.http_transport import HttpTransport
from ledger.sdk.kafka_log import KafkaLog
from tests.support.catalogue import small_catalogue
from tests.support.scripted_api import Answer, scripted_api

ANNA = email("anna@example.se")
KNOWN = subject_id("5a" * 16)
NOBODY_LISTENS = "http://127.0.0.1:9"
CATALOGUE = Answer(200, {"version": 1, "document": canonical_document(small_catalogue())})


def resolved_to(byte: str, *, active: bool = True) -> Answer:
    """The directory's answer."""
    return Answer(200, {"subject_id": byte * 16, "active": active})


class Written(NamedTuple):
    """One record on the log."""

    key: bytes
    event: SubjectEvent
    offset: int


class Log:
    """A controller of its own, and what stands on its live topic."""

    def __init__(self, stack: Any, controller: str) -> None:
        self.bootstrap: str = stack.bootstrap
        self.controller = controller

    def ledger(self, url: str = NOBODY_LISTENS, bootstrap: str | None = None) -> Ledger:
        """A direct producer that knows its names by itself."""
        return Ledger.connect(
            url,
            "lk_key",
            transport="kafka",
            bootstrap=bootstrap or self.bootstrap,
            controller=self.controller,
            source="shop",
        )

    async def told(self, **waits: float) -> Answer:
        """What a sound API says of this log; without ``waits`` one that is too old to tell them."""
        info = await read_log_info(self.bootstrap, self.controller)
        named = {"controller": self.controller, "source": "shop", "log_id": info.log_id.hex()}
        return Answer(200, {**named, "generation": 1, "partitions": info.partitions, **waits})

    async def written(self) -> list[Written]:
        """Every record after the genesis."""
        topic, found = topic_name(self.controller, Lane.LIVE), []
        async for records in scan(self.bootstrap, topic, 0, 1):
            for record in records:
                event = decode(record.value)
                assert not hasattr(event, "genesis_id")
                found.append(Written(record.key, event, record.offset))  # type: ignore[arg-type]
        return found


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that wait for a failure wait for tenths of seconds where callers wait for seconds."""
    monkeypatch.setattr("ledger.sdk.http_transport.ASK_SECONDS", 0.2)
    monkeypatch.setattr("ledger.sdk.http_transport.CATALOGUE_SECONDS", 0.2)
    monkeypatch.setattr("ledger.sdk.http_transport.READ_SECONDS", 0.5)
    monkeypatch.setattr("ledger.sdk.kafka_log.LOG_WAIT_SECONDS", 0.2)


@pytest.fixture
async def log(stack: Any) -> AsyncIterator[Log]:
    yield Log(stack, await stack.new_controller())


@pytest.mark.usefixtures("short_deadlines")
async def test_an_act_by_subject_id_is_recorded_while_the_api_is_down(log: Log) -> None:
    async with log.ledger() as ledger:
        saved = await ledger.withdraw(KNOWN, purpose="newsletter", channel="email", waited_ms=70)
    (record,) = await log.written()
    envelope = record.event.envelope
    assert record.key == KNOWN.value
    assert isinstance(record.event, ConsentWithdrawn)
    assert (record.event.scope.purpose, record.event.scope.channel) == ("newsletter", "email")
    assert (envelope.controller, envelope.source, envelope.occurred_at) == (log.controller, "shop", None)
    assert 70 <= (envelope.waited_ms or 0) < 60_000
    assert not envelope.may_be_repeat
    assert (saved.events[0].offset, saved.events[0].effective) == (record.offset, True)


@pytest.mark.usefixtures("short_deadlines")
async def test_an_act_by_address_is_not_claimed_while_the_api_is_down(log: Log) -> None:
    async with log.ledger() as ledger:
        with pytest.raises(Unavailable) as raised:
            await ledger.withdraw(ANNA)
    assert raised.value.code == "ledger_unavailable"
    assert await log.written() == []


@pytest.mark.usefixtures("short_deadlines")
async def test_unsubscribing_without_a_catalogue_blocks_every_basis(log: Log) -> None:
    async with log.ledger() as ledger:
        await ledger.unsubscribe(KNOWN, purpose="offers", channel="email")
    (record,) = await log.written()
    assert isinstance(record.event, PreferenceSet)
    assert (record.event.direction, record.event.scope.purpose) == ("out", "offers")


async def test_unsubscribing_with_a_catalogue_does_what_the_basis_calls_for(log: Log) -> None:
    async with (
        scripted_api(catalogue=[CATALOGUE], resolve=[resolved_to("0a")], log=[await log.told()]) as api,
        log.ledger(api.url) as ledger,
    ):
        await ledger.unsubscribe(ANNA, purpose="offers", channel="email")
        await ledger.unsubscribe(ANNA, purpose="newsletter", channel="email")
    objection, withdrawal = (record.event for record in await log.written())
    assert isinstance(objection, ObjectionRaised)
    assert objection.episode_id == objection.envelope.event_id
    assert isinstance(withdrawal, ConsentWithdrawn)
    assert withdrawal.envelope.catalogue_version == 1
    assert [request.path for request in api.received] == ["/v1/catalogue", "/v1/log", "/v1/subjects/resolve"]


@pytest.mark.usefixtures("short_deadlines")
async def test_the_idempotency_key_is_the_event_id_and_may_be_a_repeat(log: Log) -> None:
    key = uuid.uuid4()
    async with log.ledger() as ledger:
        saved = await ledger.withdraw(KNOWN, idempotency_key=str(key))
    (record,) = await log.written()
    assert record.event.envelope.event_id == key.bytes
    assert record.event.envelope.may_be_repeat
    assert saved.events[0].event_id == key.hex


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize(
    "key", ["signup-7", "b86ec804-e826-11f1-ac1c-02fc00000001", str(uuid.uuid5(uuid.NAMESPACE_DNS, "a.se"))]
)
async def test_a_key_that_is_not_random_is_refused(log: Log, key: str) -> None:
    async with log.ledger() as ledger:
        with pytest.raises(Rejected) as raised:
            await ledger.withdraw(KNOWN, idempotency_key=key)
    assert raised.value.code == "idempotency_key_not_random"


@pytest.mark.usefixtures("short_deadlines")
async def test_choices_have_ids_made_from_the_act_and_noes_come_first(log: Log) -> None:
    key = uuid.uuid4()
    async with log.ledger() as ledger:
        await ledger.save_choices(
            KNOWN,
            notice="signup@3",
            channel="email",
            granted=["newsletter"],
            refused=["profiling", "sharing"],
            idempotency_key=str(key),
        )
    written = await log.written()
    expected = [hashlib.sha256(key.bytes + index.to_bytes(4, "big")).digest()[:16] for index in range(3)]
    assert [type(record.event).__name__ for record in written] == [
        "ConsentRefused",
        "ConsentRefused",
        "ConsentGiven",
    ]
    assert [record.event.envelope.event_id for record in written] == expected
    assert {record.event.envelope.act_id for record in written} == {key.bytes}
    assert [record.event.envelope.act_index for record in written] == [0, 1, 2]


async def test_a_yes_is_judged_by_the_catalogue_and_the_noes_beside_it_are_recorded(log: Log) -> None:
    async with (
        scripted_api(catalogue=[CATALOGUE], resolve=[resolved_to("0a")], log=[await log.told()]) as api,
        log.ledger(api.url) as ledger,
    ):
        with pytest.raises(Rejected) as raised:
            await ledger.grant(ANNA, purpose="telepathy", notice="signup@3")
        saved = await ledger.save_choices(
            ANNA, notice="signup@3", channel="email", granted=["newsletter", "telepathy"], refused=["sharing"]
        )
    assert raised.value.code == "purpose_unknown"
    assert [(refused.purpose, refused.code) for refused in saved.refused] == [
        ("telepathy", "purpose_unknown"),
        ("newsletter", "choice_held_back"),
    ]
    assert saved.effective is False
    assert [type(record.event).__name__ for record in await log.written()] == ["ConsentRefused"]


@pytest.mark.usefixtures("short_deadlines")
async def test_what_was_dropped_stands_in_the_event_and_never_its_value(log: Log) -> None:
    async with log.ledger() as ledger:
        saved = await ledger.withdraw(
            KNOWN, purpose="newsletter", item="anna@example.se", occurred_at="yesterday", voice="ghost"
        )
    (record,) = await log.written()
    assert set(record.event.envelope.dropped_fields) == {"item", "occurred_at", "voice"}
    assert set(saved.events[0].dropped_fields) == {"item", "occurred_at", "voice"}
    assert b"anna" not in str(record.event).encode()


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the first append of a test take its time, before or after the log has the record."""

    def slow_down(*, before: float = 0.0, after: float = 0.0) -> None:
        append, pauses = KafkaLog.append, [(before, after)]

        async def slow(self: KafkaLog, *arguments: Any) -> Any:
            first, last = pauses.pop() if pauses else (0.0, 0.0)
            await asyncio.sleep(first)
            appended = await append(self, *arguments)
            await asyncio.sleep(last)
            return appended

        monkeypatch.setattr(KafkaLog, "append", slow)

    return slow_down


async def test_an_id_that_changed_while_the_acknowledgement_was_late_gets_the_act_as_well(
    log: Log, slowly: Callable[..., None]
) -> None:
    """races.md D3: the process stood still, and the person was erased and came back meanwhile."""
    slowly(after=1.1)
    resolved, told = [resolved_to("0a"), resolved_to("0b")], [await log.told(subject_cache_seconds=1.0)]
    async with (
        scripted_api(catalogue=[CATALOGUE], resolve=resolved, log=told) as api,
        log.ledger(api.url) as ledger,
    ):
        saved = await ledger.withdraw(ANNA, purpose="newsletter")
    first, second = await log.written()
    assert (first.key, second.key) == (b"\x0a" * 16, b"\x0b" * 16)
    assert first.event.envelope.event_id == second.event.envelope.event_id
    assert (first.event.envelope.may_be_repeat, second.event.envelope.may_be_repeat) == (False, True)
    assert saved.events[0].offset == second.offset


async def test_no_attempt_begins_under_an_id_that_grew_old_on_the_way(
    log: Log, slowly: Callable[..., None]
) -> None:
    """races.md D3: an erasure waits for the age of an id and one attempt, and not for attempt after attempt."""
    slowly(before=1.1)
    resolved, told = [resolved_to("0a"), resolved_to("0b")], [await log.told(subject_cache_seconds=1.0)]
    async with (
        scripted_api(catalogue=[CATALOGUE], resolve=resolved, log=told) as api,
        log.ledger(api.url) as ledger,
    ):
        await ledger.withdraw(ANNA, purpose="newsletter")
    assert [record.key for record in await log.written()] == [b"\x0b" * 16]


async def test_an_act_is_not_claimed_when_nobody_can_say_whether_the_id_still_holds(
    log: Log, slowly: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(after=1.1)
    monkeypatch.setattr("ledger.sdk.http_transport.READ_SECONDS", 1.0)
    resolved, told = [resolved_to("0a"), Answer(503, {})], [await log.told(subject_cache_seconds=1.0)]
    async with (
        scripted_api(catalogue=[CATALOGUE], resolve=resolved, log=told) as api,
        log.ledger(api.url) as ledger,
    ):
        with pytest.raises(Unavailable):
            await ledger.withdraw(ANNA, purpose="newsletter")


async def test_a_no_of_somebody_under_erasure_goes_to_the_intake_and_not_to_the_log(log: Log) -> None:
    taken = Answer(201, {"act_id": "00" * 16, "position": "p1.x", "recorded": []})
    resolved = [resolved_to("0a", active=False)]
    async with (
        scripted_api(taken, catalogue=[CATALOGUE], resolve=resolved, log=[await log.told()]) as api,
        log.ledger(api.url) as ledger,
    ):
        saved = await ledger.withdraw(ANNA, purpose="newsletter")
    assert (saved.position, api.received[-1].path) == ("p1.x", "/v1/acts")
    assert await log.written() == []


@asynccontextmanager
async def connected(log: Log, url: str) -> AsyncIterator[KafkaLog]:
    """A direct producer's connection, as it is after the first act."""
    http = HttpTransport(url, "lk_key")
    opened = KafkaLog(log.bootstrap, http, log.controller, "shop")
    await opened.connect(time.monotonic() + 30)
    try:
        yield opened
    finally:
        await opened.aclose()
        await http.aclose()


@pytest.mark.parametrize(
    ("waits", "limits"),
    [
        ({}, (60.0, 60.0)),
        ({"subject_cache_seconds": 3.0, "append_deadline_seconds": 4.0}, (3.0, 4.0)),
        ({"subject_cache_seconds": 600.0, "append_deadline_seconds": 600.0}, (60.0, 60.0)),
    ],
    ids=["an_older_api_says_nothing", "told", "more_than_the_log_allows"],
)
async def test_a_producer_holds_itself_to_what_the_ledger_waits_for(
    log: Log, waits: dict[str, float], limits: tuple[float, float]
) -> None:
    told = [await log.told(**waits)]
    async with (
        scripted_api(catalogue=[CATALOGUE], log=told) as api,
        connected(log, api.url) as opened,
    ):
        appender = opened._appender
        assert appender is not None
        assert (opened.limits, appender._deadline_s) == (limits, limits[1])


async def test_a_producer_that_can_ask_nobody_keeps_to_the_least_that_any_ledger_allows(log: Log) -> None:
    async with connected(log, NOBODY_LISTENS) as opened:
        assert opened.limits == (1.0, 2.0)


@pytest.mark.usefixtures("short_deadlines")
async def test_an_act_is_not_claimed_while_kafka_is_down(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_transport, "RECORD_SECONDS", 1.0)
    async with log.ledger(bootstrap="127.0.0.1:9") as ledger:
        with pytest.raises(Unavailable) as raised:
            await ledger.withdraw(KNOWN)
        answer = await ledger.check(KNOWN, purpose="newsletter", channel="email")
    assert raised.value.retryable
    assert (bool(answer), answer.reason) == (False, "unavailable")


@pytest.mark.usefixtures("short_deadlines")
async def test_a_controller_without_a_log_is_told_from_a_broker_that_is_down(log: Log) -> None:
    log.controller = "nobody"
    async with log.ledger() as ledger:
        with pytest.raises(Unavailable) as raised:
            await ledger.withdraw(KNOWN)
    assert raised.value.code == "log_not_ready"


async def test_an_api_of_another_log_is_found_before_anything_is_written(log: Log) -> None:
    told = {
        "controller": log.controller,
        "source": "shop",
        "log_id": "00" * 16,
        "generation": 1,
        "partitions": 1,
    }
    async with scripted_api(catalogue=[CATALOGUE], log=[Answer(200, told)]) as api:
        opened = Ledger.connect(api.url, "lk_key", transport="kafka", bootstrap=log.bootstrap)
        async with opened as ledger:
            with pytest.raises(IntegrityViolation):
                await ledger.withdraw(KNOWN)
    assert await log.written() == []
