"""Up to which broker time each partition is known to be folded: what a decision point's staleness is made of.

Once a second a heartbeat is produced, and the broker time of its acknowledgement kept; *then* the ends of the
partitions are read. Whatever had been acknowledged to anybody by that time lies below those ends, so a position
that reaches them has folded the partition up to it. A second is taken off for brokers whose clocks differ. An idle
partition is fresh all night in this way, and a worker that is merely alive is not.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation, Unavailable
from ledger.event_log.topic_table import HEARTBEAT_TOPIC
from ledger.log_lines import get_logger
from ledger.metrics import PROJECTION_LAG_EVENTS, PROJECTION_LAG_SECONDS, QUARANTINE_OPEN
from ledger.read_model import pool, sql
from ledger.read_model.folding.records import PartitionKey
from projections.held import Held
from projections.log_checks import LOG_APPEND_TIME, LogProbe

__all__ = ["Freshness"]

TICK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.1
DOUBTS_SECONDS: Final = 5.0
BROKER_CLOCK_ALLOWANCE_MS: Final = 1_000
REQUEST_TIMEOUT_MS: Final = 5_000
KAFKA_TIMEOUT_SECONDS: Final = 5.0
# A worker that lags keeps its oldest goals: those are the ones that it reaches next.
MAX_GOALS: Final = 64
# How many partitions have their genesis read again in one tick, in turn: a topic that is deleted and made anew
# under a running consumer looks the same to it once it has grown long enough.
GENESIS_LOOKS_PER_TICK: Final = 4

_log = get_logger(__name__)

Ends = Callable[[Iterable[TopicPartition]], Any]


class _Goal(NamedTuple):
    end_offset: int
    through_ms: int


class Freshness:
    """Keeps ``folded_through_ms`` of the partitions in ``held``, over a connection of its own."""

    def __init__(
        self,
        bootstrap: str,
        connection: Any,
        probe: LogProbe,
        held: Mapping[TopicPartition, Held],
        ends: Ends,
    ) -> None:
        self._connection = connection
        self._probe = probe
        self._held = held
        self._ends = ends
        self._goals: dict[TopicPartition, deque[_Goal]] = {}
        self._through: dict[TopicPartition, int] = {}
        self._looked_at = 0
        self._silent = False
        self._doubts: set[tuple[str, str]] = set()
        self._doubts_due = 0.0
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", linger_ms=0, request_timeout_ms=REQUEST_TIMEOUT_MS
        )

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def run(self) -> None:
        """Ticks until cancelled. An outage of Kafka is waited out; one of Postgres raises ``Unavailable``."""
        while True:
            due = time.monotonic() + TICK_SECONDS
            try:
                await asyncio.wait_for(self._set_goals(), KAFKA_TIMEOUT_SECONDS)
                await self._look_at_genesis()
                self._silent = False
            except (KafkaError, TimeoutError, Unavailable, IntegrityViolation) as error:
                self._report(error)
            await self._write_reached()
            await self._count_doubts()
            while (left := due - time.monotonic()) > 0:
                await asyncio.sleep(min(LOOK_SECONDS, left))
                await self._write_reached()

    async def _set_goals(self) -> None:
        broker_ms = await self._heartbeat()
        partitions = list(self._held)
        if not partitions:
            return
        ends = await self._ends_of(partitions)
        for at, end in ends.items():
            held = self._held.get(at)
            if held is None:
                continue
            if end < held.committed.next_offset:
                held.suspect = True
                continue
            goals = self._goals.setdefault(at, deque())
            if len(goals) < MAX_GOALS:
                goals.append(_Goal(end, broker_ms - BROKER_CLOCK_ALLOWANCE_MS))
        self._measure(ends, broker_ms)

    async def _heartbeat(self) -> int:
        sent = await self._producer.send_and_wait(HEARTBEAT_TOPIC, key=b"fold", value=b"")
        if sent.timestamp_type != LOG_APPEND_TIME:
            raise IntegrityViolation("log_create_time", topic=HEARTBEAT_TOPIC, partition=sent.partition)
        return int(sent.timestamp)

    async def _ends_of(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        known = await self._probe.topics()
        return dict(await self._ends(at for at in partitions if at.topic in known))

    async def _look_at_genesis(self) -> None:
        partitions = sorted(self._held)
        for _ in range(min(GENESIS_LOOKS_PER_TICK, len(partitions))):
            self._looked_at = (self._looked_at + 1) % len(partitions)
            held = self._held.get(partitions[self._looked_at])
            if held is None:
                continue
            partition = held.partition
            try:
                genesis = await self._probe.genesis(held.at, partition.controller, partition.lane)
                held.suspect |= genesis.event.genesis_id != partition.genesis_id
            except IntegrityViolation:
                # Claimed anew, it is judged and refused in the one place where that is done.
                held.suspect = True

    async def _write_reached(self) -> None:
        reached = []
        for at in tuple(self._goals):
            held = self._held.get(at)
            if held is None:
                del self._goals[at]
                self._through.pop(at, None)
                continue
            goals, last = self._goals[at], None
            while goals and goals[0].end_offset <= held.committed.next_offset:
                last = goals.popleft()
            if last is not None:
                reached.append((held.partition.key, held.taken.owner, last))
                self._through[at] = last.through_ms
        if reached:
            await self._write(reached)

    async def _count_doubts(self) -> None:
        """Shows how many doubts of the owned partitions are open; each worker tells of its own, so sums are right."""
        if time.monotonic() < self._doubts_due:
            return
        self._doubts_due = time.monotonic() + DOUBTS_SECONDS
        owned = [held.partition for held in self._held.values()]
        keys = [(of.controller_id, of.generation, of.lane.number, of.partition) for of in owned]
        columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], [], []]
        with pool.translated():
            rows = await self._connection.fetch(sql.load("quarantine_open_counts"), *columns)
        counted = {(Lane.of_number(row["lane"]).value, row["reason"]): row["entries"] for row in rows}
        for labels in self._doubts | counted.keys():
            QUARANTINE_OPEN.labels(*labels).set(counted.get(labels, 0))
        self._doubts |= counted.keys()

    async def _write(self, reached: list[tuple[PartitionKey, bytes, _Goal]]) -> None:
        keys = [key for key, _, _ in reached]
        with pool.translated():
            await self._connection.execute(
                sql.load("position_freshness"),
                *(list(column) for column in zip(*keys, strict=True)),
                [owner for _, owner, _ in reached],
                [goal.end_offset for _, _, goal in reached],
                [goal.through_ms for _, _, goal in reached],
            )

    def _measure(self, ends: Mapping[TopicPartition, int], broker_ms: int) -> None:
        """The worst of each partition number, over all controllers: no label may name one.

        The backfill lane is told apart: an import that is being folded makes no answer old.
        """
        events: dict[tuple[str, int], int] = {}
        seconds: dict[tuple[str, int], float] = {}
        for at, end in ends.items():
            held = self._held.get(at)
            if held is None:
                continue
            place = ("fold_backfill" if held.partition.lane is Lane.BACKFILL else "fold", at.partition)
            events[place] = max(events.get(place, 0), end - held.committed.next_offset)
            if (through := self._through.get(at)) is not None:
                age = (broker_ms - through) / 1000
                seconds[place] = max(seconds.get(place, 0.0), age)
        for (projection, partition), behind in events.items():
            PROJECTION_LAG_EVENTS.labels(projection, str(partition)).set(behind)
        for (projection, partition), age in seconds.items():
            PROJECTION_LAG_SECONDS.labels(projection, str(partition)).set(age)

    def _report(self, error: Exception) -> None:
        if not self._silent:
            _log.warning("freshness_stands_still", error_type=type(error).__name__)
        self._silent = True
