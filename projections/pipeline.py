"""Fetch, fold, commit: whole batches of the partitions that this worker owns, one transaction for each.

The life of a batch: records are fetched by hand from the positions in Postgres; while the batch before is being
committed they are decoded and stamped; once it is committed, those that may be repeats are looked up; then
everything goes into one transaction (:mod:`ledger.read_model.folding.writing`). A batch is what has arrived since
the last one, up to 2,000 records: with nothing waiting one act is committed at once, under load batches grow.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation
from ledger.event_log import codec
from ledger.event_log.partitioner import partition_of
from ledger.log_lines import get_logger
from ledger.metrics import BATCH_DURATION
from ledger.read_model.folding.batch import BatchFold
from ledger.read_model.folding.catalogue_lane import CatalogueFold
from ledger.read_model.folding.records import Folded
from ledger.read_model.folding.repeats import first_counted, published_versions
from ledger.read_model.folding.writing import OwnedBatch, PositionMoved, write
from projections.counting import count_batch
from projections.failpoints import Failpoint
from projections.held import MAX_BATCH_RECORDS, Held
from projections.log_checks import LOG_APPEND_TIME
from projections.ownership import Ownership

__all__ = ["Pipeline"]

# With nothing to read, how long until the loop looks at its other duties.
IDLE_WAIT_MS: Final = 50
# aiokafka sends a broker one fetch at a time, and one that waits for idle partitions holds up the busy ones.
FETCH_MAX_WAIT_MS: Final = 20
FETCH_MAX_BYTES: Final = 16 * 2**20
PARTITION_FETCH_BYTES: Final = 2 * 2**20
# Decoding gives way to the commit in flight this often: COPY needs turns of the loop.
YIELD_EVERY_RECORDS: Final = 25

_log = get_logger(__name__)

Fetched = Mapping[TopicPartition, Sequence[ConsumerRecord]]
Fold = BatchFold | CatalogueFold


class Pipeline:
    """Folds the partitions in :attr:`held`, which change only through this object."""

    def __init__(
        self,
        bootstrap: str,
        client_id: str,
        connection: Any,
        ownership: Ownership,
        failpoint: Failpoint | None,
    ) -> None:
        self.held: dict[TopicPartition, Held] = {}
        self._connection = connection
        self._ownership = ownership
        self._failpoint = failpoint
        self._decode = codec.decode if failpoint is None else failpoint.before("decode", codec.decode)
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

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        """Ends the batch in flight, whatever its outcome, and closes the consumer."""
        if self._in_flight is not None:
            await asyncio.gather(self._in_flight, return_exceptions=True)
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
            self._let_go(moved)

    async def hold(self, found: Iterable[Held]) -> None:
        """Takes up partitions that were just claimed."""
        await self.settle()
        self.held.update({each.at: each for each in found})
        self._rewind()

    async def drop(self, partitions: Iterable[TopicPartition]) -> tuple[Held, ...]:
        """Stops folding these partitions and returns what was held of them; nothing of them is in flight then."""
        await self.settle()
        dropped = [self.held.pop(at) for at in tuple(partitions) if at in self.held]
        self._rewind()
        return tuple(dropped)

    async def turn(self) -> None:
        """One batch: what has arrived is decoded while the batch before is committed, then sent off in its turn.

        Partitions whose position moved are dropped, those whose log is not ours refused; the rest is read again.
        """
        try:
            await self._turn()
        except PositionMoved as moved:
            self._let_go(moved)
        except IntegrityViolation as violation:
            await self._refuse(violation)
        except OffsetOutOfRangeError as error:
            for at in error.args[0]:
                if at in self.held:
                    self.held[at].suspect = True

    async def _turn(self) -> None:
        fetched = await self._fetch()
        if not fetched:
            await self.drain()
            return
        self._reach("after_fetch")
        narrow = await self._begin(fetched)
        for at in narrow:
            await self._take_singly(self.held[at], fetched[at])
        wide = {at: records for at, records in fetched.items() if at not in narrow and at in self.held}
        folds = [(self.held[at], await self._fold(self.held[at], records)) for at, records in wide.items()]
        if folds:
            await self.drain()
            batches = [await self._finish(held, fold) for held, fold in folds]
            self._in_flight = asyncio.create_task(self._commit(batches), name="fold-commit")

    async def _fetch(self) -> Fetched:
        if not any(held.is_folded for held in self.held.values()):
            await asyncio.sleep(IDLE_WAIT_MS / 1000)
            return {}
        fetched: Fetched = await self._consumer.getmany(
            timeout_ms=IDLE_WAIT_MS, max_records=MAX_BATCH_RECORDS
        )
        for at, records in fetched.items():
            if any(record.timestamp_type != LOG_APPEND_TIME for record in records):
                raise IntegrityViolation("log_create_time", topic=at.topic, partition=at.partition)
        return fetched

    async def _begin(self, fetched: Fetched) -> frozenset[TopicPartition]:
        """Notes what is begun after an owner that just ended; returns what must be taken record by record."""
        for at in fetched:
            if self.held[at].unclean:
                await self.drain()
                await self._ownership.note_attempt(self.held[at])
        return frozenset(at for at in fetched if self.held[at].is_narrow)

    async def _take_singly(self, held: Held, records: Sequence[ConsumerRecord]) -> None:
        await self.drain()
        for record in records:
            fold = await self._fold(held, [record])
            await self._commit([await self._finish(held, fold)])

    async def _fold(self, held: Held, records: Sequence[ConsumerRecord]) -> Fold:
        fold: Fold
        if held.partition.lane is Lane.CATALOGUE:
            await self.drain()
            published = await published_versions(self._connection, held.partition)
            fold = CatalogueFold(
                held.partition, held.prepared, self._decode, published, set_aside=held.set_aside
            )
        else:
            fold = BatchFold(
                held.partition, held.prepared, self._decode, partition_of, set_aside=held.set_aside
            )
        for start in range(0, len(records), YIELD_EVERY_RECORDS):
            fold.take_all(records[start : start + YIELD_EVERY_RECORDS])
            await asyncio.sleep(0)
        held.prepared = fold.after
        return fold

    async def _finish(self, held: Held, fold: Fold) -> OwnedBatch:
        folded: Folded
        if isinstance(fold, CatalogueFold):
            folded = fold.finish()
        else:
            folded = fold.finish(await first_counted(self._connection, held.partition, fold.asked))
        return OwnedBatch(folded, held.taken.owner)

    async def _commit(self, batches: Sequence[OwnedBatch]) -> None:
        step = None if self._failpoint is None else self._failpoint.reach
        started = time.perf_counter()
        await write(self._connection, batches, step=step)
        BATCH_DURATION.labels("fold").observe(time.perf_counter() - started)
        by_key = {held.partition.key: held for held in self.held.values()}
        for batch in batches:
            held = by_key[batch.folded.partition.key]
            held.committed = batch.folded.after
            count_batch(batch.folded)

    def _let_go(self, moved: PositionMoved) -> None:
        lost = [at for at, held in self.held.items() if held.partition.key in moved.lost]
        for at in lost:
            _log.warning("partition_lost", topic=at.topic, partition=at.partition)
        self._abandon(lost)

    async def _refuse(self, violation: IntegrityViolation) -> None:
        await self.settle()
        named = (violation.context["topic"], violation.context["partition"])
        held = next((held for at, held in self.held.items() if (at.topic, at.partition) == named), None)
        if held is not None:
            await self._ownership.refuse(held, violation.code)
            self._abandon([held.at])

    def _abandon(self, partitions: Iterable[TopicPartition]) -> None:
        for at in partitions:
            self.held.pop(at, None)
        self._rewind()

    def _rewind(self) -> None:
        """Reads every partition again from where Postgres says; whatever was fetched or decoded is forgotten.

        Nothing may be in flight.
        """
        for held in self.held.values():
            held.prepared = held.committed
        folded = [held for held in self.held.values() if held.is_folded]
        self._consumer.assign([held.at for held in folded])
        for held in folded:
            # Always said, also where it is 0 or what Kafka would have chosen.
            self._consumer.seek(held.at, held.committed.next_offset)

    def _reach(self, step: str) -> None:
        if self._failpoint is not None:
            self._failpoint.reach(step)
