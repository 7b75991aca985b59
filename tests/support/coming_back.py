"""People who were erased, as the vault remembers them, and the log that their return is told to."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final

from ledger.domain.envelope import Coordinates, Lane, Scope
from ledger.domain.events import PreferenceSet, SubjectEvent
from ledger.domain.identifiers import Identifier, blind_index
from ledger.domain.ranks import Record
from ledger.domain.rows import Row
from ledger.domain.standing import rows_of
from ledger.errors import Unavailable
from ledger.event_log import codec
from ledger.event_log.producer import Appended
from ledger.event_log.scanning import scan
from ledger.event_log.topics import topic_name
from ledger.vault.carrying import Append
from ledger.vault.controllers import Controller
from ledger.vault.secrets import Secrets
from ledger.vault.suppressions import Suppressions
from tests.support.events import envelope

__all__ = ["ERASED_MS", "Gate", "on_the_log", "opt_out_of", "remember"]

ERASED_MS: Final = 1_760_000_123_456
NO_MS: Final = 1_759_000_000_777
NO_OFFSET: Final = 4711


def opt_out_of(scope: Scope, **fields: Any) -> tuple[Row, ...]:
    """The standing no of somebody who had opted out."""
    event = PreferenceSet(envelope=envelope(), scope=scope, direction="out", **fields)
    coordinates = Coordinates(
        log_id=os.urandom(16), generation=1, lane=Lane.LIVE, partition=0, offset=NO_OFFSET
    )
    return rows_of(event, Record(coordinates=coordinates, broker_ms=NO_MS, stamp_ms=NO_MS, clock_floor_ms=0))


async def remember(
    vault: Any,
    secrets: Secrets,
    controller: Controller,
    who: Sequence[Identifier],
    noes: Sequence[Row],
    *,
    erased_ms: int = ERASED_MS,
) -> None:
    """What an erasure of these people leaves behind."""
    indexes = [blind_index(secrets.pepper, controller.name, one) for one in who]
    async with vault.acquire() as connection, connection.transaction():
        await Suppressions(vault, secrets).keep(
            connection,
            controller_id=controller.id,
            indexes=indexes,
            noes=noes,
            erased_before_ms=erased_ms,
        )


async def on_the_log(bootstrap: str, controller: str) -> list[tuple[bytes, SubjectEvent]]:
    """Key and event of every record of the live lane (one partition), oldest first."""
    found = []
    async for records in scan(bootstrap, topic_name(controller, Lane.LIVE), 0, 1, None):
        found += [(record.key, codec.decode(record.value)) for record in records]
    return found


class Gate:
    """The way to the log with a gate in it: ``is_shut`` refuses as a log that is away does, and until ``open`` is
    set, nobody passes."""

    def __init__(self, append: Append) -> None:
        self._append = append
        self.is_shut = False
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = asyncio.Event()

    async def append(
        self, controller: Controller, subject_id: bytes, events: Sequence[SubjectEvent]
    ) -> list[Appended]:
        if self.is_shut:
            raise Unavailable("log_unavailable")
        self.waiting.set()
        await self.open.wait()
        return await self._append(controller, subject_id, events)
