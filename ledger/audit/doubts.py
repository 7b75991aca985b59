"""Doubts in a replay: the records that opened entries, and what the log says of them, until everything is folded.

The live fold meets a resolution when the entry that it names has been open for long; a replay folds one lane after
the other and may meet it first. So it settles them last, which comes to the same (:mod:`ledger.read_model.folding.resolving`).
"""

from collections.abc import Sequence
from typing import Any

from ledger.audit.scratch import Scratch
from ledger.domain.events import Lane
from ledger.domain.log_records import RawRecord
from ledger.event_log.codec import decode
from ledger.read_model.folding import resolving, writing
from ledger.read_model.folding.records import Folded, Partition, Place, Resolution

__all__ = ["Doubts"]


class Doubts:
    """Filled batch by batch; settled once."""

    def __init__(self) -> None:
        self._records: dict[tuple[int, Place], RawRecord] = {}
        self._said: dict[Partition, list[Resolution]] = {}

    def note(self, folded: Folded, records: Sequence[RawRecord]) -> None:
        """Keeps of a batch what its entries and resolutions need later."""
        for controller_id, generation, lane, partition, offset, *_ in folded.quarantine:
            place = Place(generation, lane, partition, offset)
            self._records[controller_id, place] = records[offset - records[0].offset]
        if folded.resolutions:
            self._said.setdefault(folded.partition, []).extend(folded.resolutions)

    async def settle(self, writer: Any, scratch: Scratch) -> None:
        """Ends the doubts that the log ends, partition by partition in the order of their logs."""
        unable = await scratch.refused_admissions()
        for partition, resolutions in self._said.items():

            async def read(
                lane: Lane, number: int, offset: int, of: Partition = partition
            ) -> RawRecord | None:
                place = Place(of.generation, lane.number, number, offset)
                return self._records.get((of.controller_id, place))

            settled = await resolving.settle(
                writer,
                partition,
                resolutions,
                read=read,
                decode=decode,
                unable=unable.get(partition.controller_id),
            )
            await writing.write_settled(writer, settled)
