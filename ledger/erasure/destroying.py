"""The step that cannot be taken back: what must outlive the person is kept, what holders need is sealed, the rest goes.

In one transaction of the vault, suppressions and markers first; it ends by asserting that nothing is left (races.md,
D13). No byte of the log changes: it is about nobody from then on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger.domain.catalogue import Catalogue
from ledger.domain.erasure_events import HeldCategory, SubjectErased
from ledger.domain.identifiers import Identifier
from ledger.domain.rights_requests import event_id_of, holders_told, noes_to_carry
from ledger.domain.rows import Half, Row
from ledger.erasure.orders import add_order
from ledger.erasure.queue import enqueue, envelope_for
from ledger.errors import IntegrityViolation, Unavailable
from ledger.event_log.partitioner import partition_of
from ledger.read_model import pool, records, sql
from ledger.read_model.reader import SubjectKey, SubjectView, ViewReader
from ledger.vault.directory import Controller, Directory
from ledger.vault.secrets import Secrets
from ledger.vault.suppressions import Suppressions

__all__ = ["Destroyer"]

_QUERIES: Final = "ledger.vault.queries"
_EVERYTHING: Final = bytes(16)


class Destroyer:
    """Takes what outlives a person from the read model, and destroys the rest in the vault."""

    def __init__(self, vault: Any, connections: Any, reader: ViewReader, secrets: Secrets) -> None:
        self._connections = connections
        self._reader = reader
        self._secrets = secrets
        self._directory = Directory(vault, secrets)
        self._suppressions = Suppressions(vault, secrets)

    async def is_folded_past(self, controller: Controller, late: Mapping[bytes, int]) -> bool:
        """Whether the noes that were taken after the block are in the read model (:mod:`ledger.vault.late_noes`)."""
        views = await self._views(controller, list(late))
        return all(
            view.live is not None and view.live.next_offset >= late[key.subject_id]
            for key, view in views.items()
        )

    async def noes(
        self, controller: Controller, subject_ids: Sequence[bytes], now_ms: int
    ) -> tuple[Row, ...]:
        """The noes of these subjects that outlive them, as the read model has them now; the fold must have passed.

        A record in doubt may be a no that cannot be read: then everything is kept as declined.
        """
        noes: list[Row] = []
        for view in (await self._views(controller, subject_ids)).values():
            noes += noes_to_carry(view.rows)
            if view.quarantined:
                noes.append(_declined_everything(now_ms))
        return tuple(noes)

    async def _views(
        self, controller: Controller, subject_ids: Sequence[bytes]
    ) -> Mapping[SubjectKey, SubjectView]:
        async with pool.borrowed(self._connections) as connection:
            log = await records.log_of_controller(connection, controller.id)
        if log is None:
            raise Unavailable("log_not_ready")
        keys = [
            SubjectKey(
                controller.id,
                log.log_id,
                log.generation,
                partition_of(subject_id, log.partitions),
                subject_id,
            )
            for subject_id in subject_ids
        ]
        return await self._reader.views(keys) if keys else {}

    async def destroy(
        self,
        connection: Any,
        controller: Controller,
        *,
        request_id: bytes,
        subject_ids: Sequence[bytes],
        is_whole: bool,
        asked_everything: bool,
        categories: tuple[str, ...],
        held: tuple[HeldCategory, ...],
        noes: Sequence[Row],
        catalogue: Catalogue | None,
        now_ms: int,
    ) -> None:
        """Erases, in the caller's transaction: ``categories``, or everything if ``is_whole``.

        Of some categories only, the vault keeps who the person is, and nothing is suppressed: their noes still stand.
        Evidence is of no category, so no hold keeps it: it goes whenever everything was asked for.
        """
        rows = await connection.fetch(
            sql.load("directory_of_subjects", _QUERIES), controller.id, list(subject_ids)
        )
        identifiers = tuple(self._directory.opened(controller, row) for row in rows)
        if is_whole:
            await self._suppressions.keep(
                connection,
                controller_id=controller.id,
                indexes={row["blind_index"] for row in rows},
                noes=noes,
                erased_before_ms=now_ms,
            )
        await self._order(
            connection,
            controller,
            request_id,
            subject_ids,
            identifiers,
            is_whole,
            categories,
            catalogue,
            now_ms,
        )
        if asked_everything:
            for query in ("erase_evidence", "erase_intake_keys"):
                await connection.execute(sql.load(query, _QUERIES), controller.id, list(subject_ids))
        if is_whole:
            await _forget(connection, controller, request_id, subject_ids)
        for subject_id in subject_ids:
            event_id = event_id_of(request_id, "destroyed", "", subject_id.hex())
            event = SubjectErased(
                envelope=envelope_for(controller.name, event_id, request_id), categories=categories, held=held
            )
            await enqueue(
                connection, controller_id=controller.id, subject_id=subject_id,
                request_id=request_id, step="destroyed", event=event,
            )  # fmt: skip

    async def _order(
        self,
        connection: Any,
        controller: Controller,
        request_id: bytes,
        subject_ids: Sequence[bytes],
        identifiers: Sequence[Identifier],
        is_whole: bool,
        categories: tuple[str, ...],
        catalogue: Catalogue | None,
        now_ms: int,
    ) -> None:
        """One order for each holder, while it is still known who the person is."""
        for holder in holders_told(catalogue, categories, is_whole=is_whole):
            order_id = await add_order(
                connection,
                self._secrets,
                controller_id=controller.id,
                request_id=request_id,
                holder=holder,
                subject_ids=tuple(subject_ids),
                identifiers=tuple(identifiers),
                categories=categories,
                now_ms=now_ms,
            )
            if not identifiers and "subject_id" not in holder.identifiers:
                # After a restore nobody may know any more how this holder knows the person. Somebody must look.
                await connection.execute(
                    sql.load("order_identity_lost", _QUERIES), controller.id, order_id
                )


async def _forget(
    connection: Any, controller: Controller, request_id: bytes, subject_ids: Sequence[bytes]
) -> None:
    for query in ("erase_directory", "erase_links"):
        await connection.execute(sql.load(query, _QUERIES), controller.id, list(subject_ids))
    await connection.execute(sql.load("subject_destroy", _QUERIES), controller.id, list(subject_ids))
    left = await connection.fetchval(sql.load("erase_left", _QUERIES), controller.id, list(subject_ids))
    if left:
        # Rolls everything back: a half-forgotten person would never be asked for again.
        raise IntegrityViolation("erasure_incomplete", request_id=request_id.hex(), rows=left)


def _declined_everything(now_ms: int) -> Row:
    half = Half(
        value="suppressed", rank_ms=now_ms, rank_seq=0, event_id=_EVERYTHING,
        generation=0, lane=0, partition=0, offset=0,
    )  # fmt: skip
    return Row(row_key=_EVERYTHING, shape="no", voice="person", kind="suppression", first=half)
