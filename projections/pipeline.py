"""Fetch, fold, commit: whole batches of the partitions that this worker owns, one transaction for each.

The life of a batch: records are fetched by hand from the positions in Postgres; while the batch before is being
committed they are decoded and stamped; once it is committed, those that may be repeats are looked up; then
everything goes into one transaction (:mod:`ledger.read_model.folding.writing`). A batch is what has arrived since
the last one, up to 2,000 records: with nothing waiting one act is committed at once, under load batches grow.

The backfill lane comes after the live one, a short batch at a time, so that a live record waits for one of those at
most (:mod:`projections.backfill` says when a record of it may be folded at all).
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation
from ledger.event_log import codec
from ledger.event_log.topic_table import topic_name
from ledger.log_lines import get_logger
from ledger.metrics import BATCH_DURATION
from ledger.read_model.folding.batch import BatchFold
from ledger.read_model.folding.writing import OwnedBatch, PositionMoved, write
from projections.backfill import Backfill, Fetched, backfill_consumer, refuse_create_time
from projections.counting import count_batch
from projections.failpoints import Failpoint
from projections.held import MAX_BATCH_RECORDS, Held
from projections.log_checks import LogProbe
from projections.ownership import Ownership
from projections.pace import Pace
from projections.pieces import pieces
from projections.preparation import Preparation

__all__ = ["Pipeline"]

# With nothing to read, how long until the loop looks at its other duties.
IDLE_WAIT_MS: Final = 50
# aiokafka sends a broker one fetch at a time, and one that waits for idle partitions holds up the busy ones.
FETCH_MAX_WAIT_MS: Final = 20
FETCH_MAX_BYTES: Final = 16 * 2**20
PARTITION_FETCH_BYTES: Final = 2 * 2**20
# While backfill records wait for an answer of the log, and nothing else is to be done.
ASKING_WAIT_MS: Final = 5

_log = get_logger(__name__)


class Pipeline:
    """Folds the partitions in :attr:`held`, which change only through this object."""

    def __init__(
        self,
        bootstrap: str,
        client_id: str,
        connection: Any,
        ownership: Ownership,
        failpoint: Failpoint | None,
        probe: LogProbe,
    ) -> None:
        self.held: dict[TopicPartition, Held] = {}
        self._copied_below: dict[TopicPartition, int] = {}
        self._connection = connection
        self._ownership = ownership
        self._failpoint = failpoint
        decode = codec.decode if failpoint is None else failpoint.before("decode", codec.decode)
        self._preparation = Preparation(connection, probe, decode, self.drain)
        self._in_flight: asyncio.Task[None] | None = None
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            group_id=None,
            enable_auto_commit=False,
            # A position that the log does not have is an error, never a jump.
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            fetch_max_bytes=FETCH_MAX_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
        reader = backfill_consumer(bootstrap, f"{client_id}-backfill")
        self._backfill = Backfill(reader, self.end_offsets, self._copied_below)
        self._pace = Pace()

    async def start(self) -> None:
        await self._consumer.start()
        await self._backfill.start()

    async def stop(self) -> None:
        """Ends the batch in flight, whatever its outcome, and closes the consumers."""
        if self._in_flight is not None:
            await asyncio.gather(self._in_flight, return_exceptions=True)
        await self._backfill.stop()
        await self._consumer.stop()

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of these partitions now."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(list(partitions))
        return ends

    def reached(self) -> dict[TopicPartition, int]:
        """How far each partition is committed."""
        return {at: held.committed.next_offset for at, held in self.held.items()}

    async def drain(self) -> None:
        """Returns when the batch in flight is committed; raises what went wrong with it."""
        if self._in_flight is not None:
            task, self._in_flight = self._in_flight, None
            await task

    async def settle(self) -> None:
        """As :meth:`drain`; partitions that another worker has taken meanwhile are let go of."""
        try:
            await self.drain()
        except PositionMoved as moved:
            await self._let_go(moved)

    async def hold(self, found: Iterable[Held]) -> None:
        """Takes up partitions that were just claimed."""
        await self.settle()
        taken = tuple(found)
        self.held.update({each.at: each for each in taken})
        self._copied_below.update({each.at: each.copied_below for each in taken})
        await self._rewind()

    async def drop(self, partitions: Iterable[TopicPartition]) -> tuple[Held, ...]:
        """Stops folding these partitions and returns what was held of them; nothing of them is in flight then."""
        await self.settle()
        dropped = [self.held.pop(at) for at in tuple(partitions) if at in self.held]
        await self._rewind()
        return tuple(dropped)

    async def turn(self) -> None:
        """One batch: what has arrived is decoded while the batch before is committed, then sent off in its turn.

        Behind it a short one of the backfill lane, of what the live lane has passed.

        Partitions whose position moved are dropped, those whose log is not ours refused; the rest is read again.
        """
        try:
            await self._turn()
        except PositionMoved as moved:
            await self._let_go(moved)
        except IntegrityViolation as violation:
            await self._refuse(violation)
        except OffsetOutOfRangeError as error:
            for at in error.args[0]:
                if at in self.held:
                    self.held[at].suspect = True

    async def _turn(self) -> None:
        fetched = await self._fetch()
        if fetched:
            self._pace.live_came()
            await self._take(fetched)
        await self._backfill.look()
        behind: Fetched = {}
        if self._pace.due_in() == 0:
            behind = self._backfill.take(self.reached(), self._backfill_records())
        if behind:
            await self._take(behind)
        elif not fetched:
            await self.drain()

    async def _fetch(self) -> Fetched:
        """What has arrived on the live lane and on the catalogue's; waits a little when there is nothing else to do."""
        if not any(held.partition.lane is not Lane.BACKFILL for held in self.held.values()):
            await asyncio.sleep(IDLE_WAIT_MS / 1000)
            return {}
        wait_ms = ASKING_WAIT_MS if self._backfill.is_asking else IDLE_WAIT_MS
        if self._backfill.is_open(self.reached()):
            wait_ms = min(wait_ms, round(self._pace.due_in() * 1000))
        fetched: Fetched = await self._consumer.getmany(timeout_ms=wait_ms, max_records=MAX_BATCH_RECORDS)
        refuse_create_time(fetched, self._copied_below)
        return fetched

    def _backfill_records(self) -> int:
        if any(held.is_narrow for held in self.held.values() if held.partition.lane is Lane.BACKFILL):
            # Each is a transaction of its own then.
            return 1
        return self._pace.records()

    async def _take(self, fetched: Fetched) -> None:
        """Folds what was fetched and sends it off; on return at most its commit is in flight."""
        self._reach("after_fetch")
        narrow = await self._begin(fetched)
        for at in narrow:
            await self._take_in_pieces(self.held[at], [[record] for record in fetched[at]])
        wide = {at: records for at, records in fetched.items() if at not in narrow and at in self.held}
        folds, parted = [], []
        for held, records in [(self.held[at], records) for at, records in wide.items()]:
            before = held.prepared
            fold = await self._preparation.fold(held, records)
            if isinstance(fold, BatchFold) and fold.resolving:
                held.prepared = before
                parted.append((held, pieces(records, fold.resolving)))
            else:
                folds.append((held, fold))
        if folds:
            await self.drain()
            batches = [await self._preparation.finish(held, fold) for held, fold in folds]
            self._in_flight = asyncio.create_task(self._commit(batches), name="fold-commit")
        for held, cut in parted:
            await self._take_in_pieces(held, cut)

    async def _begin(self, fetched: Fetched) -> frozenset[TopicPartition]:
        """Notes what is begun after an owner that just ended; returns what must be taken record by record."""
        for at in fetched:
            if self.held[at].unclean:
                await self.drain()
                await self._ownership.note_attempt(self.held[at])
        return frozenset(at for at in fetched if self.held[at].is_narrow)

    async def _take_in_pieces(self, held: Held, cut: Iterable[Sequence[ConsumerRecord]]) -> None:
        """One transaction for each piece, committed before the next is begun."""
        await self.drain()
        for records in cut:
            fold = await self._preparation.fold(held, records)
            await self._commit([await self._preparation.finish(held, fold)])

    async def _commit(self, batches: Sequence[OwnedBatch]) -> None:
        step = None if self._failpoint is None else self._failpoint.reach
        started = time.perf_counter()
        await write(self._connection, batches, step=step)
        is_behind = any(batch.folded.partition.lane is Lane.BACKFILL for batch in batches)
        took = time.perf_counter() - started
        BATCH_DURATION.labels("fold_backfill" if is_behind else "fold").observe(took)
        if is_behind:
            self._pace.batch_took(took)
        by_key = {held.partition.key: held for held in self.held.values()}
        for batch in batches:
            held = by_key[batch.folded.partition.key]
            held.committed = batch.folded.after
            count_batch(batch.folded)

    async def _let_go(self, moved: PositionMoved) -> None:
        lost = [at for at, held in self.held.items() if held.partition.key in moved.lost]
        for at in lost:
            _log.warning("partition_lost", topic=at.topic, partition=at.partition)
        await self._abandon(lost)

    async def _refuse(self, violation: IntegrityViolation) -> None:
        await self.settle()
        named = (violation.context["topic"], violation.context["partition"])
        held = next((held for at, held in self.held.items() if (at.topic, at.partition) == named), None)
        if held is not None:
            await self._ownership.refuse(held, violation.code)
            await self._abandon([held.at])

    async def _abandon(self, partitions: Iterable[TopicPartition]) -> None:
        for at in partitions:
            self.held.pop(at, None)
        await self._rewind()

    async def _rewind(self) -> None:
        """Reads every partition again from where Postgres says; whatever was fetched or decoded is forgotten.

        Nothing may be in flight.
        """
        for held in self.held.values():
            held.prepared = held.committed
        behind = [held for held in self.held.values() if held.partition.lane is Lane.BACKFILL]
        ahead = [held for held in self.held.values() if held.partition.lane is not Lane.BACKFILL]
        self._consumer.assign([held.at for held in ahead])
        for held in ahead:
            # Always said, also where it is 0 or what Kafka would have chosen.
            self._consumer.seek(held.at, held.committed.next_offset)
        await self._backfill.assign(
            {held.at: held.committed.next_offset for held in behind},
            {held.at: _live_twin(held) for held in behind},
        )

    def _reach(self, step: str) -> None:
        if self._failpoint is not None:
            self._failpoint.reach(step)


def _live_twin(held: Held) -> TopicPartition:
    return TopicPartition(topic_name(held.partition.controller, Lane.LIVE), held.partition.partition)
