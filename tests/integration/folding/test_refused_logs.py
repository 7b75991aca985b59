"""A log that is not the one that was folded is refused with a code, and everything else goes on."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from ledger.domain.events import GENESIS_KEY, Lane, LogGenesis
from ledger.event_log import codec
from ledger.event_log.broker import administering
from ledger.event_log.scanning import scan
from tests.integration.folding.test_fold_worker import metrics
from tests.support.folding import LogUnderTest, log_under_test
from tests.support.log_records import grant, subject, withdrawal


async def test_a_recreated_topic_is_refused_and_other_logs_go_on(stack: Any, log: LogUnderTest) -> None:
    async with log_under_test(stack) as other:
        await folded_once(log)
        await recreate(stack, log, [await genesis_of(stack, log, genesis_id=b"N" * 16)])
        worker = log.start_fold(LEDGER_FOLD_CONTROLLERS=f"{log.controller},{other.controller}")
        await log.wait_position(lambda row: row["refused"] == "log_recreated", worker=worker)
        await other.append(subject(1), grant(controller=other.controller))
        await other.wait_folded(worker=worker)
        assert 'ledger_projection_partitions_refused{code="log_recreated",projection="fold"} 1.0' in (
            await metrics(worker)
        )
    assert len(await log.history()) == 3


async def test_a_topic_recreated_without_a_genesis_is_refused(stack: Any, log: LogUnderTest) -> None:
    await folded_once(log)
    await recreate(stack, log, [])
    worker = log.start_fold()
    await log.wait_position(lambda row: row["refused"] == "log_recreated", worker=worker)


async def test_a_topic_recreated_under_a_running_worker_is_refused(stack: Any, log: LogUnderTest) -> None:
    worker = log.start_fold()
    await folded_once(log, worker)
    await recreate(stack, log, [await genesis_of(stack, log, genesis_id=b"N" * 16)])
    for _ in range(20):
        await log.append(subject(2), grant(controller=log.controller))
    await log.wait_position(lambda row: row["refused"] == "log_recreated", worker=worker)


async def test_a_log_that_ends_before_the_position_is_refused(stack: Any, log: LogUnderTest) -> None:
    await folded_once(log)
    await recreate(stack, log, [await genesis_of(stack, log)])
    worker = log.start_fold()
    await log.wait_position(lambda row: row["refused"] == "log_truncated", worker=worker)


async def test_a_log_whose_beginning_was_deleted_is_refused(stack: Any, log: LogUnderTest) -> None:
    await folded_once(log)
    async with administering(stack.bootstrap) as admin:
        await admin.delete_records({TopicPartition(log.topic(), 0): RecordsToDelete(before_offset=2)})
    worker = log.start_fold()
    await log.wait_position(lambda row: row["refused"] == "log_truncated", worker=worker)


async def test_a_log_with_another_last_record_is_refused(stack: Any, log: LogUnderTest) -> None:
    await folded_once(log)
    genesis = await genesis_of(stack, log)
    others = [(subject(3), codec.encode(grant(controller=log.controller))) for _ in range(3)]
    await recreate(stack, log, [genesis, *others])
    worker = log.start_fold()
    await log.wait_position(lambda row: row["refused"] == "log_diverged", worker=worker)


async def test_a_log_of_nobody_we_know_is_reported_and_not_folded(stack: Any, log: LogUnderTest) -> None:
    name = f"{log.controller}y"
    genesis = LogGenesis(
        controller=name,
        log_id=b"F" * 16,
        generation=1,
        lane=Lane.LIVE,
        partition=0,
        partitions=1,
        genesis_id=b"F" * 16,
    )
    await make_topic(stack, f"ledger.{name}.events")
    foreign = LogUnderTest(stack, name, 1, log.connection, log._producer)
    await foreign.append_raw(GENESIS_KEY, codec.encode(genesis), partition=0)
    await foreign.append(subject(1), grant(controller=name))
    worker = log.start_fold(LEDGER_FOLD_CONTROLLERS=f"{log.controller},{name}")
    await folded_once(log, worker)
    refused = 'ledger_projection_partitions_refused{code="log_foreign",projection="fold"} 1.0'
    while refused not in await metrics(worker):
        await asyncio.sleep(0.1)
    assert await foreign.position() is None


async def test_a_topic_with_producers_times_is_refused(stack: Any, log: LogUnderTest) -> None:
    worker = log.start_fold()
    await folded_once(log, worker)
    async with administering(stack.bootstrap) as admin:
        changed = {"message.timestamp.type": "CreateTime"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, log.topic(), changed)])
    await log.append(subject(1), withdrawal(controller=log.controller))
    await log.wait_position(lambda row: row["refused"] == "log_create_time", worker=worker)
    assert len(await log.history()) == 3


async def test_a_log_that_was_put_right_is_folded_on(stack: Any, log: LogUnderTest) -> None:
    await folded_once(log)
    await log.connection.execute("update position set refused = 'log_diverged' where topic = $1", log.topic())
    await log.append(subject(1), withdrawal(controller=log.controller))
    worker = log.start_fold()
    await log.wait_folded(worker=worker)
    row = await log.position()
    assert row is not None and row["refused"] is None


async def folded_once(log: LogUnderTest, worker: Any = None) -> None:
    """Three records, folded by ``worker`` or by one that is stopped again."""
    folding = worker or log.start_fold()
    for number in range(3):
        await log.append(subject(number), grant(controller=log.controller))
    await log.wait_folded(worker=folding)
    if worker is None:
        folding.stop()


async def genesis_of(stack: Any, log: LogUnderTest, **changed: Any) -> tuple[bytes, bytes]:
    """Key and value of the log's genesis, changed."""
    import msgspec

    async for records in scan(stack.bootstrap, log.topic(), 0, 0, 1):
        event = codec.decode(records[0].value)
        return GENESIS_KEY, codec.encode(msgspec.structs.replace(event, **changed))
    raise AssertionError("the log has no genesis")


async def recreate(stack: Any, log: LogUnderTest, records: list[tuple[bytes, bytes]]) -> None:
    """Deletes the live topic and makes it anew with ``records``."""
    async with administering(stack.bootstrap) as admin:
        await admin.delete_topics([log.topic()])
        while log.topic() in await admin.list_topics():
            await asyncio.sleep(0.05)
    await make_topic(stack, log.topic())
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap, acks="all") as producer:
        for key, value in records:
            await producer.send_and_wait(log.topic(), value=value, key=key, partition=0)


async def make_topic(stack: Any, name: str) -> None:
    """A topic as the table of topics would make it; waits until it is there."""
    settings = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
    async with administering(stack.bootstrap) as admin:
        while True:
            answer = await admin.create_topics([NewTopic(name, 1, 1, topic_configs=settings)])
            if answer.topic_errors[0][1] == 0:
                break
            # Kafka deletes in the background and knows the name for a while.
            await asyncio.sleep(0.1)
        while name not in await admin.list_topics():
            await asyncio.sleep(0.05)
