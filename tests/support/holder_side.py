"""Orders sent and answers taken in a test's own process, and topics that a holder may be."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from ledger.erasure.acknowledgements import Acknowledgements, Taken
from ledger.erasure.holders import Holders
from ledger.erasure.sending import OrderSender
from ledger.erasure.verifying import Verifier
from ledger.event_log.broker import administering
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appender
from ledger.event_log.scanning import bounds_of, scan
from ledger.event_log.topic_table import ACKNOWLEDGEMENTS_TOPIC
from ledger.order_security import verify_key_of
from ledger.sdk.holder import Holder
from ledger.sdk.holder_keys import HolderKeys
from tests.support.orders import Erasure, now_ms

__all__ = ["LedgerSide", "compacted_topic", "fill", "ledger_side", "running", "until"]


class LedgerSide:
    """What the reactions do with orders, called by hand."""

    def __init__(self, erasure: Erasure, bootstrap: str, appender: Appender, answers_from: int) -> None:
        self.erasure = erasure
        self.bootstrap = bootstrap
        holders = Holders(erasure.connections)
        self.sender = OrderSender(
            erasure.vault, holders, erasure.secrets, appender, bootstrap, resend_seconds=3_600
        )
        self.verifier = Verifier(erasure.vault, holders, bootstrap)
        self._acknowledgements = Acknowledgements(erasure.vault, holders)
        self._answers_from = answers_from

    async def send(self) -> int:
        """Sends what is due."""
        return await self.sender.send_due(now_ms())

    async def send_again(self, order_id: bytes) -> int:
        """Sends an order once more, as half of the topic's retention later."""
        await self.erasure.change(order_id, "next_send_at = now() - interval '1 second'")
        return await self.send()

    async def verify(self) -> int:
        """Scans whatever waits for it."""
        return await self.verifier.verify_due(now_ms())

    async def answers(self) -> list[bytes]:
        """The acknowledgements that were written since the last look."""
        found = []
        async for records in scan(self.bootstrap, ACKNOWLEDGEMENTS_TOPIC, 0, self._answers_from):
            found += [record.value for record in records]
            self._answers_from = records[-1].offset + 1
        return found

    async def take(self, value: bytes) -> Taken:
        """Takes one."""
        return await self._acknowledgements.take(value, now_ms())

    async def take_answers(self) -> list[Taken]:
        """Takes those that were written since the last look."""
        return [await self.take(value) for value in await self.answers()]

    def holder(self, keys: HolderKeys, memory: Any, **options: Any) -> Holder:
        """The holder's side of the same ledger."""
        return Holder(
            controller=self.erasure.controller.name,
            keys=keys,
            order_key=verify_key_of(self.erasure.secrets.order_signing_key),
            bootstrap=self.bootstrap,
            memory=memory,
            **options,
        )


@asynccontextmanager
async def ledger_side(erasure: Erasure, bootstrap: str) -> AsyncIterator[LedgerSide]:
    """Sees only answers that are given from now on."""
    _, end = await bounds_of(bootstrap, ACKNOWLEDGEMENTS_TOPIC, 0)
    async with Appender(bootstrap) as appender:
        yield LedgerSide(erasure, bootstrap, appender, end)


async def compacted_topic(bootstrap: str, name: str, partitions: int = 3, **changed: str) -> None:
    """Makes a topic that is compacted within seconds."""
    settings = {
        "cleanup.policy": "compact",
        "segment.ms": "500",
        "max.compaction.lag.ms": "500",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "500",
    }
    async with administering(bootstrap) as admin:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings | changed)])


async def fill(bootstrap: str, topic: str, keys: list[bytes], partitions: int = 3) -> None:
    """Two values under each key, the second in place of the first."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for version in (b"1", b"2"):
            for key in keys:
                value = b"subscriber " + version
                await producer.send_and_wait(topic, value, key, partition=partition_of(key, partitions))


async def until(what: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    """The first true result of ``what``."""
    deadline = time.monotonic() + seconds
    while not (result := await what()):
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.2)
    return result


@asynccontextmanager
async def running(holder: Holder) -> AsyncIterator[None]:
    """The holder, run for the length of the block."""
    task = asyncio.create_task(holder.run())
    try:
        yield
    finally:
        holder.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await task
