"""One set of connections of the fold: opened together, given up together, with ownership kept in step with the group."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any, Final

from aiokafka import TopicPartition

from ledger.errors import Unavailable
from ledger.log_lines import get_logger
from ledger.metrics import PARTITIONS_OWNED, PROJECTION_READY
from ledger.read_model import pool
from ledger.read_model.folding.writing import open_writer
from ledger.settings import FoldSettings
from projections.failpoints import Failpoint
from projections.freshness import Freshness
from projections.known_schemas import KnownSchemas
from projections.log_checks import LogProbe
from projections.membership import Membership, live_topics
from projections.ownership import Ownership, lanes_of
from projections.pipeline import Pipeline

__all__ = ["FoldSession"]

SCHEMA: Final = "read_model"
CLOSE_SECONDS: Final = 5.0
# What could not be taken, or was refused, is tried again after this: the log may have been put right.
CLAIM_AGAIN_SECONDS: Final = 5.0
# Between batches at most so many claims, so that those who wait for a busy partition do not wait for all the others.
CLAIMS_AT_ONCE: Final = 4

_log = get_logger(__name__)


class FoldSession:
    """Runs once. ``was_ready`` tells whether it got as far as being a member of the group."""

    def __init__(
        self, settings: FoldSettings, owner_name: str, own_ids: set[bytes], failpoint: Failpoint | None
    ) -> None:
        self.was_ready = False
        self._settings = settings
        self._owner_name = owner_name
        self._own_ids = own_ids
        self._failpoint = failpoint
        self._again_at: dict[TopicPartition, float] = {}
        self._wanted: frozenset[TopicPartition] = frozenset()
        self._orphans: frozenset[TopicPartition] = frozenset()

    async def run(self, stop: asyncio.Event) -> None:
        """Folds until ``stop`` is set; then the batch in flight is committed and the partitions are let go of.

        Raises ``Unavailable`` or an error of Kafka when a service went away.
        """
        bootstrap, controllers = self._settings.kafka_bootstrap, self._settings.controllers
        async with AsyncExitStack() as stack:
            writer = await open_writer(self._dsn, application_name="ledger-fold", schema=SCHEMA)
            stack.push_async_callback(_closed, writer)
            self._writer = writer
            beside = await pool.connect(self._dsn, application_name="ledger-fold-freshness", schema=SCHEMA)
            stack.push_async_callback(_closed, beside)
            probe = await _started(stack, LogProbe(bootstrap, "ledger-fold-probe"))
            self._ownership = Ownership(writer, probe, self._owner_name, self._own_ids)
            self._pipeline = await _started(
                stack,
                Pipeline(bootstrap, "ledger-fold-reader", writer, self._ownership, self._failpoint, probe),
            )
            self._membership = await _started(
                stack,
                Membership(bootstrap, controllers, f"ledger-fold-{self._owner_name}", self._pipeline.reached),
            )
            self._known_schemas = await _started(stack, KnownSchemas(bootstrap, probe))
            own_probe = await _started(stack, LogProbe(bootstrap, "ledger-fold-freshness"))
            freshness = await _started(
                stack,
                Freshness(bootstrap, beside, own_probe, self._pipeline.held, self._pipeline.end_offsets),
            )
            ticking = asyncio.create_task(freshness.run(), name="fold-freshness")
            stack.push_async_callback(_cancelled, ticking)
            self._orphans = await self._ownership.orphans(live_topics(controllers))
            await self._fold(stop, ticking)
            await self._let_go()

    @property
    def _dsn(self) -> str:
        return self._settings.postgres_dsn

    async def _fold(self, stop: asyncio.Event, ticking: "asyncio.Task[None]") -> None:
        while not stop.is_set():
            self._membership.check()
            self._known_schemas.check()
            if ticking.done():
                ticking.result()
            await self._follow_group()
            await self._pipeline.turn()

    async def _follow_group(self) -> None:
        has_joined = self._membership.turn > 0
        wanted = self._membership.wanted if has_joined else self._orphans
        if wanted != self._wanted:
            await self._drop_others(wanted)
            self._wanted = wanted
            self._again_at = {at: 0.0 for at in wanted}
        suspects = [at for at, held in self._pipeline.held.items() if held.suspect]
        if suspects:
            await self._pipeline.drop(suspects)
            self._again_at |= {at: 0.0 for at in wanted}
        await self._claim_due()
        if has_joined and not self.was_ready:
            self.was_ready = True
            PROJECTION_READY.labels("fold").set(1)
        PARTITIONS_OWNED.labels("fold").set(len(self._pipeline.held))

    async def _drop_others(self, wanted: frozenset[TopicPartition]) -> None:
        keep = {at for live in wanted for at in lanes_of(live)}
        dropped = await self._pipeline.drop([at for at in self._pipeline.held if at not in keep])
        await self._ownership.release(dropped)

    async def _claim_due(self) -> None:
        now = time.monotonic()
        due = sorted(at for at, when in self._again_at.items() if when <= now)
        for live in due:
            if all(at in self._pipeline.held for at in lanes_of(live)):
                self._again_at[live] = now + CLAIM_AGAIN_SECONDS
        missing = [at for at in due if self._again_at[at] <= now][:CLAIMS_AT_ONCE]
        if missing:
            # The writer's connection is one: nothing may be in flight on it.
            await self._pipeline.settle()
        for live in missing:
            self._again_at[live] = now + CLAIM_AGAIN_SECONDS
            await self._claim(live)

    async def _claim(self, live: TopicPartition) -> None:
        try:
            found = await self._ownership.claim(live, self._pipeline.held)
        except Unavailable as error:
            if error.code == "postgres_unavailable":
                raise
            _log.warning("claim_waits", topic=live.topic, partition=live.partition, code=error.code)
            return
        if found:
            await self._pipeline.hold(found)
            await self._known_schemas.look(self._writer, found)

    async def _let_go(self) -> None:
        held = await self._pipeline.drop(list(self._pipeline.held))
        await self._ownership.release(held)


async def _started(stack: AsyncExitStack, part: Any) -> Any:
    # Registered first: a part whose start fails half-way has sockets to close as well.
    stack.push_async_callback(part.stop)
    await part.start()
    return part


async def _closed(connection: Any) -> None:
    if not connection.is_closed():
        try:
            await connection.close(timeout=CLOSE_SECONDS)
        except (OSError, TimeoutError):
            connection.terminate()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
