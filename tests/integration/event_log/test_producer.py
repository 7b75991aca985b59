"""Appends to a real broker, also over a path that is cut: acknowledged means stored, and nothing arrives late unsaid."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ledger.domain.events import ConsentWithdrawn, Lane, Scope
from ledger.errors import IntegrityViolation, NotFound, Rejected, Unavailable
from ledger.event_log import codec, topics
from ledger.event_log.producer import Appender, Attempt
from ledger.event_log.scanning import bounds_of, scan
from ledger.event_log.topics import Log, topic_name
from tests.support.events import envelope
from tests.support.tcp_proxy import TcpProxy

KEY = bytes(range(16))


@pytest.fixture
async def topic(stack: Any) -> str:
    """The live topic of a log of the test's own, with one partition; offset 0 is its genesis."""
    log = Log(
        controller=f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}", log_id=secrets.token_bytes(16), generation=1, partitions=1, is_new=True
    )
    await topics.apply(stack.bootstrap, [log])
    return topic_name(log.controller, Lane.LIVE)


@pytest.fixture
async def appender(stack: Any) -> AsyncIterator[Appender]:
    async with Appender(stack.bootstrap) as opened:
        yield opened


@pytest.fixture
def path(stack: Any) -> Iterator[tuple[TcpProxy, str]]:
    """A way to the broker that can be cut, for the producer alone."""
    proxy, bootstrap = stack.kafka_proxy()
    with proxy:
        yield proxy, bootstrap


def told(attempt: Attempt) -> bytes:
    """A withdrawal whose envelope says what the attempt says."""
    made = envelope(waited_ms=attempt.added_wait_ms, may_be_repeat=attempt.may_be_repeat, event_id=KEY)
    return codec.encode(ConsentWithdrawn(envelope=made, scope=Scope(purpose="newsletter")))


async def stored(stack: Any, topic: str) -> list[Any]:
    return [record async for batch in scan(stack.bootstrap, topic, 0, 1) for record in batch]


async def eventually(check: Any, seconds: float = 30) -> None:
    """Return when ``check`` holds; give up after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.01)


async def test_an_acknowledged_record_stands_where_and_when_the_answer_says(
    stack: Any, topic: str, appender: Appender
) -> None:
    appended = await appender.append(topic, 0, KEY, told, timeout_s=30)
    (record,) = await stored(stack, topic)
    assert (record.offset, record.timestamp, record.partition) == appended
    assert record.key == KEY and record.timestamp_type == 1
    event = codec.decode(record.value)
    assert event.envelope.may_be_repeat is False and event.envelope.waited_ms < 30_000  # type: ignore[union-attr]


async def test_a_thousand_appends_at_once_are_each_stored_once(stack: Any, topic: str, appender: Appender) -> None:
    numbers = itertools.count()
    places = await asyncio.gather(
        *(appender.append(topic, 0, KEY, lambda attempt: b"%d" % next(numbers), timeout_s=60) for _ in range(1_000))
    )
    records = await stored(stack, topic)
    assert sorted(place.offset for place in places) == [record.offset for record in records]
    assert len({record.value for record in records}) == len(records) == 1_000
    assert appender.counts.acknowledged == 1_000 and appender.counts.repeats == 0 and appender.in_flight == 0


async def test_what_is_in_flight_is_bounded_and_all_of_it_arrives(stack: Any, topic: str) -> None:
    async with Appender(stack.bootstrap, max_in_flight=3) as appender:
        most = 0

        def value(attempt: Attempt) -> bytes:
            nonlocal most
            most = max(most, appender.in_flight + 1)
            return b"x"

        await asyncio.gather(*(appender.append(topic, 0, KEY, value, timeout_s=60) for _ in range(200)))
        assert most <= 3
    assert len(await stored(stack, topic)) == 200


async def test_more_than_a_batch_can_hold_waits_for_room_and_arrives(stack: Any, topic: str, appender: Appender) -> None:
    value = bytes(60_000)
    await asyncio.gather(*(appender.append(topic, 0, KEY, lambda attempt: value, timeout_s=60) for _ in range(60)))
    assert len(await stored(stack, topic)) == 60


async def test_an_unknown_topic_or_partition_is_a_log_that_is_not_ready(stack: Any, topic: str) -> None:
    async with Appender(stack.bootstrap, request_timeout_s=1) as appender:
        for name, partition in ((topic, 7), ("ledger.nobody.events", 0)):
            with pytest.raises(Unavailable) as caught:
                await appender.append(name, partition, KEY, told, timeout_s=30)
            assert caught.value.code == "log_not_ready"


async def test_an_error_of_the_encoding_is_the_callers_and_blocks_nobody(topic: str, stack: Any) -> None:
    def bad(attempt: Attempt) -> bytes:
        raise Rejected("event_invalid")

    async with Appender(stack.bootstrap, max_in_flight=1) as appender:
        for _ in range(3):
            with pytest.raises(Rejected):
                await appender.append(topic, 0, KEY, bad, timeout_s=30)
        await appender.append(topic, 0, KEY, told, timeout_s=30)


async def test_with_kafka_down_nothing_is_claimed() -> None:
    async with Appender("127.0.0.1:1") as appender:
        with pytest.raises(Unavailable) as caught:
            await appender.append("ledger.klingit.events", 0, KEY, told, timeout_s=0.5)
    assert caught.value.code == "log_unavailable" and caught.value.retryable
    assert caught.value.context["may_be_on_the_log"] is False
    assert appender.counts.unavailable == 1 and appender.counts.acknowledged == 0


async def test_the_appender_comes_back_by_itself_when_kafka_does(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    proxy, bootstrap = path
    proxy.cut()
    async with Appender(bootstrap) as appender:
        with pytest.raises(Unavailable):
            await appender.append(topic, 0, KEY, told, timeout_s=0.5)
        proxy.restore()
        await appender.append(topic, 0, KEY, told, timeout_s=30)
    assert len(await stored(stack, topic)) == 1


async def test_a_short_break_is_bridged_without_a_second_encoding(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    """An idempotent producer's own retries carry the same sequence number, so they need no mark."""
    proxy, bootstrap = path
    async with Appender(bootstrap) as appender:
        await appender.append(topic, 0, KEY, told, timeout_s=30)
        proxy.stall()
        pending = asyncio.create_task(appender.append(topic, 0, KEY, told, timeout_s=30))
        await asyncio.sleep(0.3)
        proxy.cut()
        proxy.restore()
        await pending
        assert appender.counts.repeats == 0 and appender.counts.sessions == 1
    assert len(await stored(stack, topic)) == 2


async def test_an_act_without_acknowledgement_is_encoded_anew_as_a_possible_repeat_with_its_wait(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    proxy, bootstrap = path
    async with Appender(bootstrap, deadline_s=1, request_timeout_s=10) as appender:
        await appender.append(topic, 0, KEY, told, timeout_s=30)
        proxy.stall()
        attempts: list[Attempt] = []

        def value(attempt: Attempt) -> bytes:
            attempts.append(attempt)
            return told(attempt)

        pending = asyncio.create_task(appender.append(topic, 0, KEY, value, timeout_s=60))
        await eventually(lambda: appender.counts.sessions_given_up == 1)
        assert not pending.done()
        # The old connection was reset: what it held must not arrive now that the path is whole again.
        proxy.restore()
        appended = await pending
    records = await stored(stack, topic)
    assert [record.offset for record in records] == [1, appended.offset] == [1, 2]
    told_last = codec.decode(records[-1].value).envelope  # type: ignore[union-attr]
    assert told_last.may_be_repeat and told_last.waited_ms == attempts[-1].added_wait_ms >= 1_000
    assert [attempt.may_be_repeat for attempt in attempts] == [False, *[True] * (len(attempts) - 1)]
    assert appender.counts.repeats == len(attempts) - 1 >= 1


async def test_a_shorter_deadline_that_is_told_later_holds_for_what_is_in_flight(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    """An erasure waits for no more than the deadline that producers are told."""
    proxy, bootstrap = path
    async with Appender(bootstrap, deadline_s=60, request_timeout_s=10) as appender:
        await appender.append(topic, 0, KEY, told, timeout_s=30)
        proxy.stall()
        pending = asyncio.create_task(appender.append(topic, 0, KEY, told, timeout_s=60))
        await eventually(lambda: appender.in_flight == 1)
        appender.hold_to(0.5)
        await eventually(lambda: appender.counts.sessions_given_up == 1)
        proxy.restore()
        await pending
        assert appender.counts.repeats >= 1


async def test_a_record_whose_acknowledgement_was_lost_stands_twice_and_the_second_says_so(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    """Stored by the broker, but the producer cannot know; the fold counts the first record of an event id."""
    proxy, bootstrap = path
    async with Appender(bootstrap, deadline_s=1, request_timeout_s=10) as appender:
        await appender.append(topic, 0, KEY, told, timeout_s=30)
        proxy.stall(answers_only=True)
        pending = asyncio.create_task(appender.append(topic, 0, KEY, told, timeout_s=60))
        await eventually(lambda: appender.counts.sessions_given_up == 1)
        assert await bounds_of(stack.bootstrap, topic, 0) == (0, 3)
        proxy.restore()
        appended = await pending
    records = await stored(stack, topic)
    envelopes = [codec.decode(record.value).envelope for record in records[1:]]  # type: ignore[union-attr]
    assert [one.may_be_repeat for one in envelopes] == [False, *[True] * (len(envelopes) - 1)]
    assert len(envelopes) >= 2 and {one.event_id for one in envelopes} == {KEY}
    assert appended.offset == records[-1].offset


@pytest.mark.parametrize("request_timeout_s", [10, 0.4])
async def test_what_a_gone_caller_left_behind_does_not_arrive_after_the_deadline(
    stack: Any, topic: str, path: tuple[TcpProxy, str], request_timeout_s: float
) -> None:
    """Else an act would be ranked by a time long after it was made. Also what a request of the producer left behind
    when it timed out and its connection was closed: sockets go on delivering after they were closed in order."""
    proxy, bootstrap = path
    async with Appender(bootstrap, deadline_s=1.5, request_timeout_s=request_timeout_s) as appender:
        await appender.append(topic, 0, KEY, told, timeout_s=30)
        proxy.stall()
        with pytest.raises(Unavailable) as caught:
            await appender.append(topic, 0, KEY, told, timeout_s=0.3)
        assert caught.value.context["may_be_on_the_log"] is True
        assert appender.in_flight == 1
        await eventually(lambda: appender.in_flight == 0)
        proxy.restore()
        # A new session works on the whole path; the old record is gone.
        await appender.append(topic, 0, KEY, lambda attempt: b"after", timeout_s=30)
        await asyncio.sleep(0.5)
    assert [record.value for record in await stored(stack, topic)][1:] == [b"after"]


async def test_one_act_without_acknowledgement_takes_all_in_flight_with_it_and_none_is_lost(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    proxy, bootstrap = path
    async with Appender(bootstrap, deadline_s=1, request_timeout_s=10) as appender:
        await appender.append(topic, 0, KEY, told, timeout_s=30)
        proxy.stall()
        names = [f"act-{number}".encode() for number in range(50)]
        pending = [
            asyncio.create_task(appender.append(topic, 0, KEY, lambda attempt, name=name: name, timeout_s=60))
            for name in names
        ]
        await eventually(lambda: appender.counts.sessions_given_up == 1)
        proxy.restore()
        places = await asyncio.gather(*pending)
    values = {record.offset: record.value for record in await stored(stack, topic)}
    assert [values[place.offset] for place in places] == names


async def test_closing_while_the_path_is_dead_ends_and_leaves_nothing_open(
    stack: Any, topic: str, path: tuple[TcpProxy, str]
) -> None:
    proxy, bootstrap = path
    appender = Appender(bootstrap, request_timeout_s=10)
    await appender.append(topic, 0, KEY, told, timeout_s=30)
    proxy.stall()
    pending = asyncio.create_task(appender.append(topic, 0, KEY, told, timeout_s=60))
    await eventually(lambda: appender.in_flight == 1)
    async with asyncio.timeout(30):
        await appender.close()
        with pytest.raises(Unavailable):
            await pending


async def test_a_scan_gives_exactly_the_stretch_asked_for(stack: Any, topic: str, appender: Appender) -> None:
    for number in range(25):
        await appender.append(topic, 0, KEY, lambda attempt, number=number: b"%d" % number, timeout_s=30)
    batches = [batch async for batch in scan(stack.bootstrap, topic, 0, 5, 20, batch_records=4)]
    assert all(len(batch) <= 4 for batch in batches)
    assert [record.offset for batch in batches for record in batch] == list(range(5, 20))
    assert [batch async for batch in scan(stack.bootstrap, topic, 0, 7, 7)] == []
    assert await bounds_of(stack.bootstrap, topic, 0) == (0, 26)


async def test_a_scan_beyond_the_end_says_that_the_log_is_truncated(stack: Any, topic: str) -> None:
    with pytest.raises(IntegrityViolation) as caught:
        await anext(scan(stack.bootstrap, topic, 0, 0, 99))
    assert caught.value.code == "log_truncated"


async def test_a_scan_of_no_topic_says_so(stack: Any) -> None:
    with pytest.raises(NotFound) as caught:
        await anext(scan(stack.bootstrap, "ledger.nobody.events", 0, 0))
    assert caught.value.code == "topic_unknown"


async def test_a_scan_while_kafka_is_down_is_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        await anext(scan("127.0.0.1:1", "ledger.klingit.events", 0, 0))
    assert caught.value.code == "log_unavailable"
