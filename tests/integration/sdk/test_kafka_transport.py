"""What a direct producer writes to the log, with the API there, half there and away."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from ledger.domain.catalogue import canonical_document
from ledger.domain.events import ConsentWithdrawn, Lane, ObjectionRaised, PreferenceSet, SubjectEvent
from ledger.errors import IntegrityViolation, Rejected, Unavailable
from ledger.event_log.codec import decode
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name
from ledger.sdk import Ledger, email, kafka_transport, resolved_ids, subject_id
from tests.support.catalogue import small_catalogue
from tests.support.scripted_api import Answer, scripted_api

ANNA = email("anna@example.se")
KNOWN = subject_id("5a" * 16)
NOBODY_LISTENS = "http://127.0.0.1:9"
CATALOGUE = Answer(200, {"version": 1, "document": canonical_document(small_catalogue())})


def resolved_to(byte: str) -> Answer:
    """The directory's answer."""
    return Answer(200, {"subject_id": byte * 16})


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
        scripted_api(catalogue=[CATALOGUE], resolve=[resolved_to("0a")]) as api,
        log.ledger(api.url) as ledger,
    ):
        await ledger.unsubscribe(ANNA, purpose="offers", channel="email")
        await ledger.unsubscribe(ANNA, purpose="newsletter", channel="email")
    objection, withdrawal = (record.event for record in await log.written())
    assert isinstance(objection, ObjectionRaised)
    assert objection.episode_id == objection.envelope.event_id
    assert isinstance(withdrawal, ConsentWithdrawn)
    assert withdrawal.envelope.catalogue_version == 1
    assert [request.path for request in api.received] == ["/v1/catalogue", "/v1/subjects/resolve"]


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
        scripted_api(catalogue=[CATALOGUE], resolve=[resolved_to("0a")]) as api,
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


async def test_an_id_that_changed_while_the_log_was_slow_gets_the_act_as_well(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """races.md D3: the person was erased and came back between resolve and acknowledgement."""
    monkeypatch.setattr(resolved_ids, "ID_LIFE_SECONDS", 0.0)
    resolved = [resolved_to("0a"), resolved_to("0b")]
    async with scripted_api(catalogue=[CATALOGUE], resolve=resolved) as api, log.ledger(api.url) as ledger:
        saved = await ledger.withdraw(ANNA, purpose="newsletter")
    first, second = await log.written()
    assert (first.key, second.key) == (b"\x0a" * 16, b"\x0b" * 16)
    assert first.event.envelope.event_id == second.event.envelope.event_id
    assert (first.event.envelope.may_be_repeat, second.event.envelope.may_be_repeat) == (False, True)
    assert saved.events[0].offset == second.offset


async def test_an_act_is_not_claimed_when_nobody_can_say_whether_the_id_still_holds(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolved_ids, "ID_LIFE_SECONDS", 0.0)
    monkeypatch.setattr("ledger.sdk.http_transport.READ_SECONDS", 3.0)
    async with (
        scripted_api(catalogue=[CATALOGUE], resolve=[resolved_to("0a"), Answer(503, {})]) as api,
        log.ledger(api.url) as ledger,
    ):
        with pytest.raises(Unavailable):
            await ledger.withdraw(ANNA, purpose="newsletter")


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
