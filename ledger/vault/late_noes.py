"""Noes of somebody who is under erasure: still taken, and none of them lost to the erasure.

An erasure takes what outlives the person from standing once the lanes are folded past their ends; a no that is
acknowledged after these ends were read would be missed (races.md, D4). So the intake holds the subject's row while it
appends for somebody who is blocked, and notes how far that reached; the erasure locks the same row, and does not
destroy before the fold has passed what is noted there.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from ledger.errors import Unavailable
from ledger.read_model import pool, sql
from ledger.vault.directory import SubjectState

__all__ = ["AT_ONCE", "HeldSubject", "LateNoes", "late_ends"]

AT_ONCE: Final = 2
"""Each holds a connection of the vault until its record is acknowledged; the others are for everybody else."""
WAIT_SECONDS: Final = 1.0

_QUERIES: Final = "ledger.vault.queries"


class HeldSubject:
    """A subject whose state stays as it is for the length of a block."""

    def __init__(self, connection: Any, controller_id: int, subject_id: bytes, state: SubjectState) -> None:
        self.state = state
        self._connection = connection
        self._key = (controller_id, subject_id)

    async def note(self, next_offset: int) -> None:
        """The live partition reaches at least so far with the acts of this subject."""
        await self._connection.execute(sql.load("subject_note_late", _QUERIES), *self._key, next_offset)


class LateNoes:
    """Holds subjects that are blocked, through the pool of the vault, a few at once: a log that stalls must not take
    the vault's connections from those who need no log."""

    def __init__(self, vault: Any) -> None:
        self._vault = vault
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def held(self, controller_id: int, subject_id: bytes) -> AsyncIterator[HeldSubject]:
        """The subject, which nobody blocks or destroys before the block ends. What is noted is durable after it.

        Raises ``Unavailable`` when another holds it for longer than a few seconds, and ``Unavailable(overloaded)``
        when as many as may are held for longer than one.
        """
        try:
            await asyncio.wait_for(self._places.acquire(), WAIT_SECONDS)
        except TimeoutError as error:
            raise Unavailable("overloaded") from error
        try:
            async with pool.borrowed(self._vault) as connection, connection.transaction():
                state = await connection.fetchval(sql.load("subject_hold", _QUERIES), controller_id, subject_id)
                yield HeldSubject(connection, controller_id, subject_id, SubjectState(state))
        finally:
            self._places.release()


async def late_ends(connection: Any, controller_id: int, subject_ids: Sequence[bytes]) -> dict[bytes, int]:
    """How far the live partition of each subject must be folded for the noes that were taken late.

    The subjects' rows are locked until the caller's transaction ends: nothing is taken for them meanwhile.
    """
    await connection.fetch(sql.load("subject_lock", _QUERIES), controller_id, list(subject_ids))
    rows = await connection.fetch(sql.load("subject_late", _QUERIES), controller_id, list(subject_ids))
    return {row["subject_id"]: row["late_next_offset"] for row in rows}
