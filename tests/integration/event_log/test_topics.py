"""Topics and genesis records on a real broker: made once, mended, and never made anew behind anybody's back."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from ledger.cli.controllers import create_controller, list_controllers
from ledger.cli.topics import apply_topics, plan_topics
from ledger.domain.events import GENESIS_KEY, Lane, LogGenesis
from ledger.errors import Conflict, IntegrityViolation, Rejected, Unavailable
from ledger.event_log import topics
from ledger.event_log.broker import administering, reading
from ledger.event_log.cluster import alter_settings, create_topics, describe
from ledger.event_log.codec import decode
from ledger.event_log.genesis import read_genesis
from ledger.event_log.log_info import read_log_info
from ledger.event_log.producer import Appender
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import Topic, orders_topic
from ledger.event_log.topics import Log, topic_name, topics_of
from ledger.read_model import sql


class Crash(BaseException):
    """Ends a run where it stands: no handler of ours catches it."""


def new_log(partitions: int = 3, *, is_new: bool = True) -> Log:
    return Log(
        controller=f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}",
        log_id=secrets.token_bytes(16),
        generation=1,
        partitions=partitions,
        is_new=is_new,
    )


def complete(log: Log) -> Log:
    return msgspec.structs.replace(log, is_new=False)


async def delete_topic(bootstrap: str, name: str) -> None:
    async with administering(bootstrap) as admin:
        await admin.delete_topics([name])
        while (await describe(admin, [name])).get(name) is not None:
            await asyncio.sleep(0.05)


async def geneses(bootstrap: str, log: Log) -> dict[tuple[str, int], list[LogGenesis]]:
    """Every record of the log's topics, which must all be genesis records, by topic and partition."""
    found: dict[tuple[str, int], list[LogGenesis]] = {}
    for topic in topics_of(log):
        for partition in range(topic.partitions):
            events = found.setdefault((topic.name, partition), [])
            async for batch in scan(bootstrap, topic.name, partition, 0):
                for record in batch:
                    event = decode(record.value)
                    assert isinstance(event, LogGenesis)
                    events.append(event)
    return found


async def test_every_partition_gets_one_genesis_and_a_second_apply_changes_nothing(stack: Any) -> None:
    log = new_log()
    assert await topics.apply(stack.bootstrap, [log])
    first = await geneses(stack.bootstrap, log)
    assert all(len(events) == 1 for events in first.values())
    assert len({event.genesis_id for (event,) in first.values()}) == len(first)

    assert await topics.apply(stack.bootstrap, [log]) == ()
    assert await topics.plan(stack.bootstrap, [complete(log)]) == ()
    assert await geneses(stack.bootstrap, log) == first


async def test_a_genesis_names_its_log_and_place_and_has_the_brokers_time(stack: Any) -> None:
    log = new_log()
    await topics.apply(stack.bootstrap, [log])
    topic = topic_name(log.controller, Lane.BACKFILL)
    async with reading(stack.bootstrap) as consumer:
        consumer.assign([TopicPartition(topic, 2)])
        found = await read_genesis(consumer, topic, 2)
        assert await consumer.position(TopicPartition(topic, 2)) == 1
    assert found is not None and found.key == GENESIS_KEY and found.broker_ms > 1_700_000_000_000
    assert msgspec.structs.replace(found.genesis, genesis_id=bytes(16)) == LogGenesis(
        controller=log.controller, log_id=log.log_id, generation=1, lane=Lane.BACKFILL, partition=2, partitions=3,
        genesis_id=bytes(16),
    )  # fmt: skip


async def test_topics_keep_the_brokers_time_and_live_events_for_ever(stack: Any) -> None:
    log = new_log()
    await topics.apply(stack.bootstrap, [log])
    names = {topic.lane: topic.name for topic in topics_of(log)}
    async with administering(stack.bootstrap) as admin:
        found = await describe(admin, [*names.values(), topics.HEARTBEAT_TOPIC])
    for topic in found.topics.values():
        assert topic.settings["message.timestamp.type"] == "LogAppendTime"
        assert topic.settings["cleanup.policy"] == "delete"
    for lane in (Lane.LIVE, Lane.BACKFILL, Lane.CATALOGUE):
        assert found.topics[names[lane]].settings["retention.ms"] == "-1"
        assert found.topics[names[lane]].settings["retention.bytes"] == "-1"
    assert found.topics[names[Lane.EVIDENCE]].settings["retention.ms"] == str(30 * 86_400_000)
    # So that what was deleted behind the reader leaves the disks as well.
    assert found.topics[names[Lane.EVIDENCE]].settings["segment.ms"] == "3600000"
    assert found.topics[topics.HEARTBEAT_TOPIC].settings["retention.ms"] == "3600000"
    assert [found.topics[names[lane]].partitions for lane in Lane] == [3, 3, 1, 3]


@pytest.mark.parametrize("written", [1, 4, 7, 9])
async def test_a_run_that_broke_off_between_two_genesis_records_is_finished_by_the_next(
    stack: Any, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    log = new_log(partitions=3)
    append, left = Appender.append, [written]

    async def breaking(self: Appender, *given: Any, **named: Any) -> Any:
        if not left[0]:
            raise Crash
        left[0] -= 1
        return await append(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Appender, "append", breaking)
        with pytest.raises(Crash):
            await topics.apply(stack.bootstrap, [log])
    with pytest.raises(Unavailable) as caught:
        await read_log_info(stack.bootstrap, log.controller)
    assert caught.value.code == "log_not_ready"

    await topics.apply(stack.bootstrap, [log])
    assert all(len(events) == 1 for events in (await geneses(stack.bootstrap, log)).values())
    assert (await read_log_info(stack.bootstrap, log.controller)).log_id == log.log_id


async def test_a_lost_topic_of_a_complete_log_is_refused_and_not_made_anew(stack: Any) -> None:
    log = new_log()
    await topics.apply(stack.bootstrap, [log])
    lost = topic_name(log.controller, "events")
    await delete_topic(stack.bootstrap, lost)

    findings = await topics.apply(stack.bootstrap, [complete(log)])
    assert [(finding.topic, finding.refused) for finding in findings] == [(lost, "topic_missing")]
    with pytest.raises(IntegrityViolation) as caught:
        topics.raise_refused(findings)
    assert caught.value.code == "topic_missing" and lost in caught.value.detail
    async with administering(stack.bootstrap) as admin:
        assert (await describe(admin, [lost])).get(lost) is None


async def test_a_recreated_topic_of_a_complete_log_gets_no_new_genesis(stack: Any) -> None:
    log = new_log(partitions=1)
    await topics.apply(stack.bootstrap, [log])
    name = topic_name(log.controller, "events")
    await delete_topic(stack.bootstrap, name)
    async with administering(stack.bootstrap) as admin:
        (topic,) = [topic for topic in topics_of(log) if topic.name == name]
        await create_topics(admin, [topic], 1)
    findings = await topics.apply(stack.bootstrap, [complete(log)])
    assert [finding.refused for finding in findings] == ["log_recreated"]
    async with reading(stack.bootstrap) as consumer:
        assert await consumer.end_offsets([TopicPartition(name, 0)]) == {TopicPartition(name, 0): 0}


async def test_a_topic_of_another_log_is_refused(stack: Any) -> None:
    log = new_log(partitions=1)
    await topics.apply(stack.bootstrap, [log])
    other = msgspec.structs.replace(log, log_id=secrets.token_bytes(16))
    assert {finding.refused for finding in await topics.apply(stack.bootstrap, [other])} == {"log_foreign"}


async def test_a_topic_that_begins_with_anything_but_a_genesis_is_refused(stack: Any) -> None:
    log = new_log(partitions=1)
    name = topic_name(log.controller, "events")
    async with administering(stack.bootstrap) as admin:
        (topic,) = [topic for topic in topics_of(log) if topic.name == name]
        await create_topics(admin, [topic], 1)
    async with Appender(stack.bootstrap) as appender:
        await appender.append(name, 0, GENESIS_KEY, lambda attempt: b"first!", timeout_s=30)
    findings = await topics.apply(stack.bootstrap, [log])
    assert [finding.refused for finding in findings if finding.topic == name] == ["log_foreign"]
    with pytest.raises(IntegrityViolation):
        await read_log_info(stack.bootstrap, log.controller)


async def test_a_genesis_with_a_producers_time_is_refused(stack: Any) -> None:
    log = new_log(partitions=1)
    name = topic_name(log.controller, "events")
    async with administering(stack.bootstrap) as admin:
        (topic,) = [topic for topic in topics_of(log) if topic.name == name]
        await create_topics(admin, [topic], 1)
        await alter_settings(admin, name, topic.settings(1) | {"message.timestamp.type": "CreateTime"})
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap)
    await producer.start()
    await producer.send_and_wait(name, b"x", key=GENESIS_KEY, partition=0)
    await producer.stop()
    findings = await topics.plan(stack.bootstrap, [log])
    assert "log_create_time" in [finding.refused for finding in findings if finding.topic == name]


async def test_an_append_to_a_topic_with_producers_times_is_no_success(stack: Any) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    async with administering(stack.bootstrap) as admin:
        await create_topics(admin, [Topic(name=name, lane=None, partitions=1, retention_ms=-1)], 1)
        await alter_settings(admin, name, {"message.timestamp.type": "CreateTime"})
    async with Appender(stack.bootstrap) as appender:
        with pytest.raises(IntegrityViolation) as caught:
            await appender.append(name, 0, bytes(16), lambda attempt: b"x", timeout_s=30)
    assert caught.value.code == "log_create_time"


async def test_another_number_of_partitions_is_refused(stack: Any) -> None:
    log = new_log(partitions=1)
    await topics.apply(stack.bootstrap, [log])
    grown = msgspec.structs.replace(complete(log), partitions=2)
    refused = {finding.refused for finding in await topics.apply(stack.bootstrap, [grown])}
    assert refused == {"topic_partitions_differ"}


async def test_settings_that_drifted_are_told_and_mended_and_an_operators_own_are_kept(stack: Any) -> None:
    log = new_log(partitions=1)
    await topics.apply(stack.bootstrap, [log])
    name = topic_name(log.controller, "events")
    async with administering(stack.bootstrap) as admin:
        drifted = {"retention.ms": "1000000", "segment.bytes": "104857600", "message.timestamp.type": "CreateTime"}
        await alter_settings(admin, name, drifted)
    told = sorted(finding.what for finding in await topics.plan(stack.bootstrap, [complete(log)]))
    assert told[0] == "message.timestamp.type is CreateTime, to be LogAppendTime"
    assert "retention.ms is 1000000, to be -1" in told

    findings = await topics.apply(stack.bootstrap, [complete(log)])
    assert all(finding.refused is None for finding in findings)
    assert await topics.plan(stack.bootstrap, [complete(log)]) == ()
    async with administering(stack.bootstrap) as admin:
        found = (await describe(admin, [name])).topics[name]
    assert found.settings["segment.bytes"] == "104857600"


async def test_a_lost_log_does_not_keep_another_from_being_made(stack: Any) -> None:
    lost, fresh = new_log(partitions=1, is_new=False), new_log(partitions=1)
    findings = await topics.apply(stack.bootstrap, [lost, fresh])
    orders = orders_topic(lost.controller)
    found = {finding.refused for finding in findings if lost.controller in finding.topic and finding.topic != orders}
    assert found == {"topic_missing"}
    assert (await read_log_info(stack.bootstrap, fresh.controller)).partitions == 1


async def test_a_producer_is_told_that_a_log_is_not_ready(stack: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        await read_log_info(stack.bootstrap, "nobody")
    assert caught.value.code == "log_not_ready" and caught.value.retryable


async def test_whoever_waits_gets_the_log_once_its_genesis_stands(stack: Any) -> None:
    log = new_log(partitions=1)
    waiting = asyncio.create_task(read_log_info(stack.bootstrap, log.controller, wait_s=60))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await topics.apply(stack.bootstrap, [log])
    assert (await waiting).log_id == log.log_id


async def test_creating_a_controller_makes_its_log_and_repeating_it_changes_nothing(
    stack: Any, database: str
) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    made = await create_controller(name, size="medium", bootstrap=stack.bootstrap, dsn=database)
    assert (made.name, made.size, made.generation, made.partitions, made.state) == (name, "medium", 1, 6, "ready")
    info = await read_log_info(stack.bootstrap, name)
    assert (info.log_id, info.partitions) == (made.log_id, 6)
    assert await create_controller(name, size="medium", bootstrap=stack.bootstrap, dsn=database) == made
    assert await list_controllers(database) == (made,)


STEPS = ("controller_create", "log_create", "apply", "log_mark_ready")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_creating_a_controller_is_finished_after_a_crash_at_any_step(
    stack: Any, database: str, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    with monkeypatch.context() as patch:
        if step == "apply":
            apply = topics.apply

            async def crashing(*given: Any) -> Any:
                if when == "after":
                    await apply(*given)
                raise Crash

            patch.setattr(topics, "apply", crashing)
        else:
            execute, statement = asyncpg.Connection.execute, sql.load(step)

            async def crashing_at(self: Any, query: str, *given: Any, **named: Any) -> Any:
                if query != statement:
                    return await execute(self, query, *given, **named)
                if when == "after":
                    await execute(self, query, *given, **named)
                raise Crash

            patch.setattr(asyncpg.Connection, "execute", crashing_at)
        with pytest.raises(Crash):
            await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=database)
    made = await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=database)
    assert made.state == "ready"
    assert (await read_log_info(stack.bootstrap, name)).log_id == made.log_id
    log = Log(controller=name, log_id=made.log_id or b"", generation=1, partitions=1, is_new=False)
    assert all(len(events) == 1 for events in (await geneses(stack.bootstrap, log)).values())


async def test_two_who_create_one_controller_at_once_make_one_log(stack: Any, database: str) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    first, second = await asyncio.gather(
        *(create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=database) for _ in range(2))
    )
    assert first == second
    log = Log(controller=name, log_id=first.log_id or b"", generation=1, partitions=1, is_new=False)
    assert all(len(events) == 1 for events in (await geneses(stack.bootstrap, log)).values())


async def test_a_controller_keeps_its_size(stack: Any, database: str) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=database)
    with pytest.raises(Conflict) as caught:
        await create_controller(name, size="large", bootstrap=stack.bootstrap, dsn=database)
    assert caught.value.code == "controller_size_differs"


async def test_names_that_kafka_cannot_tell_apart_are_refused(stack: Any, database: str) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    await create_controller(f"{name}.a", size="small", bootstrap=stack.bootstrap, dsn=database)
    with pytest.raises(Conflict) as caught:
        await create_controller(f"{name}_a", size="small", bootstrap=stack.bootstrap, dsn=database)
    assert caught.value.code == "controller_name_collides"
    assert len(await list_controllers(database)) == 1


@pytest.mark.parametrize(
    ("name", "code"), [("Klingit AB", "id_malformed"), ("anna@example.se", "email_in_field"), ("", "id_malformed")]
)
async def test_a_name_that_is_no_id_is_refused_before_anything_is_made(database: str, name: str, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        await create_controller(name, size="small", bootstrap="127.0.0.1:1", dsn=database)
    assert caught.value.code == code
    assert await list_controllers(database) == ()


async def test_a_controller_made_while_kafka_is_down_is_finished_by_topics_apply(stack: Any, database: str) -> None:
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    with pytest.raises(Unavailable) as caught:
        await create_controller(name, size="small", bootstrap="127.0.0.1:1", dsn=database)
    assert caught.value.code == "log_unavailable"
    assert any(name in finding.topic for finding in await plan_topics(stack.bootstrap, database))
    await apply_topics(stack.bootstrap, database)
    (made,) = await list_controllers(database)
    assert made.state == "ready"
    assert await plan_topics(stack.bootstrap, database) == ()


def test_the_table_of_topics_is_the_only_place_that_names_them() -> None:
    root = Path(__file__).resolve().parents[3]
    named = [
        path.name
        for path in (root / "ledger").rglob("*.py")
        if '"ledger.heartbeat"' in path.read_text(encoding="utf-8")
    ]
    assert named == ["topic_table.py"]
