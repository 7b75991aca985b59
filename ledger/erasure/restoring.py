"""What one event of an erasure means for a vault that has not seen it: a row that a restore took back is made again.

A person who was erased after the backup is *blocked* again, and the request goes on from there: the erasure worker
waits, takes the noes and destroys, as it does for any other. Blocked is safe to answer from. Everything here is guarded
by the state of the row, so that a vault that did it itself is left as it is.
"""

from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from ledger.domain.erasure_events import ErasureAdvanced, ErasureRequested, SubjectBlocked, SubjectErased
from ledger.domain.events import Event
from ledger.log_lines import get_logger
from ledger.read_model import pool, sql
from ledger.vault.directory import Controller

__all__ = ["Restorer"]

_QUERIES: Final = "ledger.vault.queries"
_MONTH_MS: Final = 31 * 86_400_000
_log = get_logger(__name__)


class Restorer:
    """Applies events of erasures to the vault."""

    def __init__(self, vault: Any) -> None:
        self._vault = vault

    async def apply(
        self, controller: Controller, subject_id: bytes, event: Event, record: ConsumerRecord
    ) -> None:
        """Takes one event in; nothing for a vault that knows it."""
        match event:
            case ErasureRequested():
                holds = {stated.hold: stated.since_ms for stated in event.holds}
                await self._known(controller, subject_id, event, event.due_at, holds)
            case ErasureAdvanced():
                await self._advanced(controller, event)
            case SubjectBlocked() | SubjectErased():
                await self._known(controller, subject_id, event, record.timestamp + _MONTH_MS, {})
                await self._blocked(controller, subject_id, event)
            case _:
                pass

    async def _known(
        self,
        controller: Controller,
        subject_id: bytes,
        event: ErasureRequested | SubjectBlocked | SubjectErased,
        due_ms: int,
        holds: dict[str, int],
    ) -> None:
        """Makes the request's row if the vault has none: of a linked person any event may be the first to be read."""
        envelope = event.envelope
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("request_restore", _QUERIES),
                controller.id, envelope.request_id, envelope.source, [subject_id], list(event.categories),
                due_ms, msgspec.json.encode(holds).decode(),
            )  # fmt: skip

    async def _advanced(self, controller: Controller, event: ErasureAdvanced) -> None:
        query = {"identified": "request_prove", "refused": "request_restore_refused"}.get(event.step)
        if query is None or event.holder is not None:
            return
        arguments: tuple[object, ...] = (controller.id, event.envelope.request_id)
        if event.step == "refused":
            arguments += (event.outcome, event.until_ms)
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(sql.load(query, _QUERIES), *arguments)

    async def _blocked(
        self, controller: Controller, subject_id: bytes, event: SubjectBlocked | SubjectErased
    ) -> None:
        held = event.held if isinstance(event, SubjectErased) else ()
        request_id, is_whole = event.envelope.request_id, not event.categories
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            restored = await connection.fetchval(
                sql.load("request_restore_blocked", _QUERIES),
                controller.id,
                request_id,
                subject_id,
                is_whole,
                list(event.categories),
                msgspec.json.encode(held).decode(),
                max((one.until_ms for one in held), default=None),
            )
            if restored and is_whole:
                await connection.execute(
                    sql.load("subject_block", _QUERIES), controller.id, [subject_id]
                )
        if restored:
            _log.warning("erasure_taken_up_again", controller=controller.name, request_id=request_id)
