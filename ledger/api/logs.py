"""Which log a controller's acts go to, how far it reaches, and ``GET /v1/log``."""

import asyncio
import time
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import TopicPartition

from ledger.api.calls import Call
from ledger.api.keys import Caller
from ledger.domain.events import Lane
from ledger.domain.positions import PartitionKey
from ledger.errors import Unavailable
from ledger.event_log import broker
from ledger.event_log.partitioner import partition_of
from ledger.event_log.topics import topic_name
from ledger.read_model import pool, records
from ledger.vault.controllers import Controller

__all__ = ["Log", "LogAnswer", "LogEnds", "Logs", "get_log"]

KEPT_SECONDS: Final = 5.0
END_TIMEOUT_SECONDS: Final = 1.0
MAX_KEPT: Final = 10_000


class Log(NamedTuple):
    """One generation of a controller's log."""

    controller: str
    log_id: bytes
    generation: int
    partitions: int

    def partition_of(self, subject_id: bytes) -> int:
        return partition_of(subject_id, self.partitions)

    def topic(self, lane: Lane = Lane.LIVE) -> str:
        return topic_name(self.controller, lane)


class LogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The log that the key's controller writes, and as whom the key speaks: what a direct producer needs.

    ``subject_cache_seconds``: how long it may rely on a subject id, counted from before it asked for it;
    ``append_deadline_seconds``: from encoding a record to giving it up. An erasure waits for both, and for no more.
    """

    controller: str
    source: str
    log_id: str
    generation: int
    partitions: int
    topic: str
    subject_cache_seconds: float
    append_deadline_seconds: float


class Logs:
    """The newest generation of each controller's log, as it was at most five seconds ago."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        self._kept: dict[int, tuple[Log, float]] = {}

    async def of(self, caller: Caller) -> Log:
        """The log of the caller's controller. Raises ``Unavailable(log_not_ready)`` when it has none."""
        return await self.of_controller(Controller(caller.controller_id, caller.controller))

    async def of_controller(self, controller: Controller) -> Log:
        """The log of this controller. Raises ``Unavailable(log_not_ready)`` when it has none."""
        kept = self._kept.get(controller.id)
        asked_at = time.monotonic()
        if kept is not None and asked_at - kept[1] < KEPT_SECONDS:
            return kept[0]
        async with pool.borrowed(self._connections) as connection:
            found = await records.log_of_controller(connection, controller.id)
        if found is None:
            raise Unavailable("log_not_ready")
        log = Log(controller.name, found.log_id, found.generation, found.partitions)
        self._kept[controller.id] = (log, asked_at)
        return log


class LogEnds:
    """How far partitions are known to reach. Ends only grow, so what was once reached needs no second look."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._known: dict[PartitionKey, int] = {}
        self._looking = asyncio.Semaphore(1)

    def note(self, key: PartitionKey, end_offset: int) -> None:
        """An acknowledged record says that its partition reaches beyond it."""
        if end_offset > self._known.get(key, 0):
            if len(self._known) >= MAX_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[key] = end_offset

    async def reaches(self, log: Log, key: PartitionKey, next_offset: int) -> bool:
        """Whether the partition has that many records; true when the log cannot be asked, since nobody knows then."""
        if next_offset <= self._known.get(key, 0):
            return True
        place = TopicPartition(log.topic(Lane.of_number(key[2])), key[3])
        try:
            async with asyncio.timeout(END_TIMEOUT_SECONDS), self._looking:
                if next_offset > self._known.get(key, 0):
                    async with broker.reading(self._bootstrap) as consumer:
                        self.note(key, (await consumer.end_offsets([place]))[place])
        except (Unavailable, TimeoutError):
            return True
        return next_offset <= self._known.get(key, 0)


async def get_log(call: Call) -> LogAnswer:
    """``GET /v1/log``."""
    log = await call.services.logs.of(call.caller)
    return LogAnswer(
        controller=log.controller,
        source=call.caller.source,
        log_id=log.log_id.hex(),
        generation=log.generation,
        partitions=log.partitions,
        topic=log.topic(),
        subject_cache_seconds=call.services.settings.subject_cache_seconds,
        append_deadline_seconds=call.services.settings.append_deadline_seconds,
    )
