"""Which log a controller has, as the log itself says: what a producer must know before its first record."""

import asyncio
from typing import Final

import msgspec
from aiokafka import TopicPartition

from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation, Unavailable
from ledger.event_log.broker import reading
from ledger.event_log.genesis import GENESIS_FETCH_WAIT_MS, read_genesis
from ledger.event_log.topic_table import topic_name

__all__ = ["LogInfo", "read_log_info"]

_LOOK_AGAIN_S: Final = 0.2


class LogInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A log that is ready: its live topic's partition 0 has a genesis record, which is written last of all."""

    controller: str
    log_id: bytes
    generation: int
    partitions: int
    topic: str


async def read_log_info(bootstrap: str, controller: str, *, wait_s: float = 0.0) -> LogInfo:
    """The log of ``controller``, waiting at most ``wait_s`` for its genesis.

    Raises ``Unavailable(log_not_ready)``, ``Unavailable(log_unavailable)``, or ``IntegrityViolation`` when the topic
    is not a log of this controller.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + wait_s
    topic = topic_name(controller, Lane.LIVE)
    async with reading(bootstrap, fetch_max_wait_ms=GENESIS_FETCH_WAIT_MS) as consumer:
        while True:
            if topic in await consumer.topics():
                consumer.assign([TopicPartition(topic, 0)])
                # A copied log keeps the times of its origin up to where the copy ends. Whoever appends behind it is
                # told by the acknowledgement whether the broker's own time is the rule there.
                record = await read_genesis(consumer, topic, 0, may_be_copied=True)
                if record is not None:
                    break
            if loop.time() >= limit:
                raise Unavailable("log_not_ready", f"{topic} has no genesis record yet.", topic=topic)
            await asyncio.sleep(_LOOK_AGAIN_S)
    genesis = record.genesis
    if genesis.controller != controller or genesis.lane is not Lane.LIVE or genesis.partition != 0:
        raise IntegrityViolation("log_foreign", topic=topic, partition=0)
    return LogInfo(
        controller=controller,
        log_id=genesis.log_id,
        generation=genesis.generation,
        partitions=genesis.partitions,
        topic=topic,
    )
