"""A partition that this worker owns, and how carefully it has to be begun after an owner that just ended."""

from typing import Final, NamedTuple

import msgspec
from aiokafka import TopicPartition

from ledger.read_model.folding.claims import Taken
from ledger.read_model.folding.records import Partition, Progress

__all__ = ["MAX_BATCH_RECORDS", "Held", "next_attempt"]

MAX_BATCH_RECORDS: Final = 2_000

NARROW_AFTER: Final = 3
"""So many starts that ended without progress, and records are taken one at a time."""


class Held(msgspec.Struct, kw_only=True):
    """``committed`` is what stands in Postgres, ``prepared`` how far records were decoded on top of it.

    Below ``copied_below`` the log is an exact copy, with the times of its origin.
    """

    at: TopicPartition
    partition: Partition
    taken: Taken
    committed: Progress
    prepared: Progress
    crash_offset: int | None
    crash_count: int
    unclean: bool
    suspect: bool = False
    copied_below: int = 0

    @property
    def is_narrow(self) -> bool:
        """Whether a record that may end this process lies ahead, within what one batch would take."""
        return self.crash_count >= NARROW_AFTER and self._is_near_crash(self.prepared.next_offset)

    @property
    def set_aside(self) -> frozenset[int]:
        """The record that ended a process while it was taken alone: it is not even decoded."""
        if self.crash_offset is None or self.crash_count <= NARROW_AFTER:
            return frozenset()
        return frozenset({self.crash_offset})

    def _is_near_crash(self, offset: int) -> bool:
        return self.crash_offset is not None and 0 <= offset - self.crash_offset < MAX_BATCH_RECORDS


class Attempt(NamedTuple):
    """Where a partition is begun, and the how-manieth time in a row without progress."""

    crash_offset: int
    crash_count: int


def next_attempt(held: Held) -> Attempt:
    """What is written down before the first batch after an owner that ended without letting go.

    The third start at one offset takes single records. Once an owner ends while taking single records, the record
    at the position is the suspect; if the next one ends there too, the record is set aside.
    """
    offset = held.committed.next_offset
    if held.crash_offset == offset:
        return Attempt(offset, held.crash_count + 1)
    if held.is_narrow:
        return Attempt(offset, NARROW_AFTER)
    return Attempt(offset, 1)
