"""From fetched records to a batch that can be written: decoded and stamped, repeats looked up, doubts settled.

In two steps, so that the first goes on while the batch before is being committed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition

from ledger.domain.events import Lane
from ledger.event_log.partitioner import partition_of
from ledger.event_log.topic_table import topic_name
from ledger.read_model.folding.batch import BatchFold
from ledger.read_model.folding.catalogue_lane import CatalogueFold
from ledger.read_model.folding.records import KILLED_WORKER, Decode, Folded
from ledger.read_model.folding.repeats import first_counted, published_versions
from ledger.read_model.folding.resolving import settle
from ledger.read_model.folding.writing import OwnedBatch
from projections.held import Held
from projections.log_checks import LogProbe

__all__ = ["Fold", "Preparation"]

# Decoding gives way to the commit in flight this often: COPY needs turns of the loop.
YIELD_EVERY_RECORDS: Final = 25

Fold = BatchFold | CatalogueFold


class Preparation:
    """Prepares batches over the writer's connection. ``drain`` returns when nothing is in flight on it."""

    def __init__(
        self, connection: Any, probe: LogProbe, decode: Decode, drain: Callable[[], Awaitable[None]]
    ) -> None:
        self._connection = connection
        self._probe = probe
        self._decode = decode
        self._drain = drain

    async def fold(self, held: Held, records: Sequence[ConsumerRecord]) -> Fold:
        """The records decoded, stamped and judged, behind what was prepared before of this partition."""
        fold: Fold
        set_aside = dict.fromkeys(held.set_aside, KILLED_WORKER)
        if held.partition.lane is Lane.CATALOGUE:
            await self._drain()
            published = await published_versions(self._connection, held.partition)
            fold = CatalogueFold(held.partition, held.prepared, self._decode, published, set_aside=set_aside)
        else:
            fold = BatchFold(held.partition, held.prepared, self._decode, partition_of, set_aside=set_aside)
        for start in range(0, len(records), YIELD_EVERY_RECORDS):
            fold.take_all(records[start : start + YIELD_EVERY_RECORDS])
            await asyncio.sleep(0)
        held.prepared = fold.after
        return fold

    async def finish(self, held: Held, fold: Fold) -> OwnedBatch:
        """The batch as it is to be written. Everything before it must be committed."""
        folded: Folded
        if isinstance(fold, CatalogueFold):
            folded = fold.finish()
        else:
            folded = fold.finish(await first_counted(self._connection, held.partition, fold.asked))
        if folded.resolutions:
            folded.settled = await settle(
                self._connection,
                held.partition,
                folded.resolutions,
                read=partial(self._record_of, held.partition.controller),
                decode=self._decode,
            )
        return OwnedBatch(folded, held.taken.owner)

    async def _record_of(
        self, controller: str, lane: Lane, partition: int, offset: int
    ) -> ConsumerRecord | None:
        return await self._probe.record(TopicPartition(topic_name(controller, lane), partition), offset)
