"""The way of one event of an import to an acknowledged record, within the time for which its subject id may be used."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.domain.envelope import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.event_log import codec
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.log_info import LogInfo
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appended, Appender, Attempt
from ledger.event_log.topic_table import topic_name
from ledger.importing.acts import Pending
from ledger.importing.people import People
from ledger.vault import late_noes
from ledger.vault.directory import SubjectState

__all__ = ["GrownOld", "LogWriter", "Placed"]

APPEND_TIMEOUT_SECONDS: Final = 180.0
"""Three times the deadline of one attempt: a broker that restarts does not end an import."""


class Placed(NamedTuple):
    """An event to be, and the line that says it. ``is_late``: a no of somebody who is under erasure."""

    line: int
    pending: Pending
    is_late: bool = False


class GrownOld(Exception):
    """An attempt would begin, or was acknowledged, under a subject id that was resolved too long ago, or that was
    erased since."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class LogWriter:
    """Writes to both lanes of one log."""

    def __init__(self, people: People, appender: Appender, log: LogInfo) -> None:
        self._people = people
        self._appender = appender
        self._log = log
        # Waited for here, for as long as it takes: a batch may be all of people under erasure.
        self._late = asyncio.Semaphore(late_noes.AT_ONCE)

    async def append(self, placed: Placed, use_until: float) -> Appended:
        """The place of the event, once all in-sync replicas have it.

        No attempt begins after ``use_until`` (``seconds_since_boot``), and what is acknowledged after it counts for
        nothing: then :class:`GrownOld` is raised, and the person must be asked for anew (races.md, D3). Raises ``Unavailable(log_unavailable)`` after three minutes.
        """
        if not placed.is_late:
            appended = await self._append(placed, use_until)
            if seconds_since_boot() > use_until:
                # This process may have stood still before the record was sent, and the erasure not have waited for it.
                raise GrownOld(placed.line)
            return appended
        async with self._late, self._people.held(placed.pending.subject_id) as subject:
            if subject.state is SubjectState.DESTROYED:
                raise GrownOld(placed.line)
            appended = await self._append(placed, use_until)
            await subject.note(appended.offset + 1)
            return appended

    def position(self, lane: Lane, appended: Sequence[Appended]) -> Position:
        """The position that covers all of these records of one lane."""
        return Position.of(
            *(
                PositionEntry(
                    log_id=self._log.log_id,
                    generation=self._log.generation,
                    lane=lane,
                    partition=one.partition,
                    next_offset=one.offset + 1,
                    stamp_ms=one.broker_ms,
                )
                for one in appended
            )
        )

    async def _append(self, placed: Placed, use_until: float) -> Appended:
        pending = placed.pending
        value = codec.encode(pending.event)

        def encoded(_: Attempt) -> bytes:
            if seconds_since_boot() > use_until:
                raise GrownOld(placed.line)
            # Nothing in it depends on the attempt: the wait is not known, and it may be a repeat from the start.
            return value

        return await self._appender.append(
            topic_name(self._log.controller, pending.lane),
            partition_of(pending.subject_id, self._log.partitions),
            pending.subject_id,
            encoded,
            timeout_s=APPEND_TIMEOUT_SECONDS,
        )
