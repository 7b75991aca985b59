"""What one event of an erasure means for a vault that has not seen it: a row that a restore took back is made again.

Everything here is guarded by the state of the row, so that a vault that did it itself is left as it is.
"""

from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord

from ledger.domain.envelope import Lane
from ledger.domain.erasure_events import ErasureAdvanced, ErasureRequested, SubjectBlocked, SubjectErased
from ledger.domain.events import Event
from ledger.erasure.catalogues import catalogue_in_force
from ledger.erasure.destroying import Destroyer
from ledger.erasure.settling import Settling
from ledger.event_log.partitioner import partition_of
from ledger.log_lines import get_logger
from ledger.read_model import pool, records, sql
from ledger.vault.directory import Controller
from ledger.vault.links import group_of

__all__ = ["Restorer"]

_QUERIES: Final = "ledger.vault.queries"
_MONTH_MS: Final = 31 * 86_400_000
_log = get_logger(__name__)


class Restorer:
    """Applies events of erasures to the vault."""

    def __init__(self, vault: Any, connections: Any, settling: Settling, destroyer: Destroyer) -> None:
        self._vault = vault
        self._connections = connections
        self._settling = settling
        self._destroyer = destroyer

    async def apply(
        self, controller: Controller, subject_id: bytes, event: Event, record: ConsumerRecord
    ) -> bool:
        """Whether the event has been taken in; False when the fold must get so far first."""
        match event:
            case ErasureRequested():
                await self._known(controller, subject_id, event, event.due_at)
            case ErasureAdvanced():
                await self._advanced(controller, event)
            case SubjectBlocked():
                await self._known(controller, subject_id, event, record.timestamp + _MONTH_MS)
                await self._blocked(controller, subject_id, event)
            case SubjectErased():
                await self._known(controller, subject_id, event, record.timestamp + _MONTH_MS)
                return await self._erased(controller, subject_id, event, record)
            case _:
                pass
        return True

    async def _known(
        self,
        controller: Controller,
        subject_id: bytes,
        event: ErasureRequested | SubjectBlocked | SubjectErased,
        due_ms: int,
    ) -> None:
        """Makes the request's row if the vault has none: of a linked person any event may be the first to be read."""
        envelope = event.envelope
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("request_restore", _QUERIES),
                controller.id, envelope.request_id, envelope.source, [subject_id], list(event.categories),
                due_ms,
            )  # fmt: skip

    async def _advanced(self, controller: Controller, event: ErasureAdvanced) -> None:
        query = {"identified": "request_prove", "refused": "request_restore_refused"}.get(event.step)
        if query is None or event.holder is not None:
            return
        arguments: tuple[object, ...] = (controller.id, event.envelope.request_id)
        if event.step == "refused":
            arguments += (event.outcome,)
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(sql.load(query, _QUERIES), *arguments)

    async def _blocked(self, controller: Controller, subject_id: bytes, event: SubjectBlocked) -> None:
        request_id = event.envelope.request_id
        is_whole = not event.categories
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            await connection.execute(
                sql.load("request_restore_blocked", _QUERIES),
                controller.id, request_id, subject_id, is_whole, list(event.categories),
            )  # fmt: skip
            if is_whole:
                await connection.execute(
                    sql.load("subject_block", _QUERIES), controller.id, [subject_id], request_id
                )

    async def _erased(
        self, controller: Controller, subject_id: bytes, event: SubjectErased, record: ConsumerRecord
    ) -> bool:
        request_id = event.envelope.request_id
        assert request_id is not None, "the follower passes over events without a request"
        async with pool.borrowed(self._vault) as connection:
            done = await connection.fetchval(
                sql.load("request_is_destroyed", _QUERIES), controller.id, request_id, subject_id, not event.categories
            )
        if done:
            return True
        if not await self._is_folded(controller, subject_id, record.offset):
            return False
        catalogue = await catalogue_in_force(self._connections, controller.id)
        subject_ids = await self._group(controller, subject_id)
        noes = await self._destroyer.noes(controller, subject_ids, record.timestamp)
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            await connection.execute(
                sql.load("request_restore_destroyed", _QUERIES), controller.id, request_id, list(subject_ids)
            )
            await self._destroyer.destroy(
                connection,
                controller,
                request_id=request_id,
                subject_ids=subject_ids,
                is_whole=not event.categories,
                categories=event.categories,
                held=event.held,
                noes=noes,
                catalogue=catalogue,
                now_ms=record.timestamp,
            )
        _log.warning("erasure_carried_out_again", controller=controller.name, request_id=request_id.hex())
        return True

    async def _group(self, controller: Controller, subject_id: bytes) -> Sequence[bytes]:
        async with pool.borrowed(self._vault) as connection:
            return await group_of(connection, controller.id, subject_id, lock=False)

    async def _is_folded(self, controller: Controller, subject_id: bytes, offset: int) -> bool:
        async with pool.borrowed(self._connections) as connection:
            log = await records.log_of_controller(connection, controller.id)
        if log is None:
            return False
        partition = partition_of(subject_id, log.partitions)
        return await self._settling.is_folded_past(controller, [(partition, Lane.LIVE.number, offset + 1)])
