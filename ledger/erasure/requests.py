"""Rights requests as their askers see them: opened, proved, put off, refused, shown. The work is the reactions'.

A request is known by its id: the same id with the same content is the same request, whoever asks again. It names the
person by subject ids alone; the name that was asked by is in the directory, or nowhere.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ledger.domain.deadlines import request_due
from ledger.domain.erasure_events import ErasureRequested, StatedHold
from ledger.domain.identifiers import Identifier
from ledger.domain.rights_requests import UNREFUSABLE_FROM, RequestState, event_id_of
from ledger.erasure.queue import announce, enqueue, envelope_for
from ledger.erasure.request_views import HeldView, HolderView, RequestView, StepView, request_view
from ledger.errors import Conflict, NotFound
from ledger.read_model import pool, sql
from ledger.vault.directory import Controller, Directory, SubjectState
from ledger.vault.secrets import Secrets

__all__ = ["HeldView", "HolderView", "RequestView", "Requests", "StepView", "tell_opened"]

LISTED: Final = 200
MAC_BYTES: Final = 16
# Of a request that a restored vault knows from the log alone.
_UNKNOWN_CONTENT: Final = bytes(MAC_BYTES)
_CONTENT_DOMAIN: Final = b"consent-ledger rights request v1"
_QUERIES: Final = "ledger.vault.queries"


class Requests:
    """The table of rights requests, through a pool of the vault's database."""

    def __init__(self, vault: Any, secrets: Secrets) -> None:
        self._vault = vault
        self._secrets = secrets
        self._directory = Directory(vault, secrets)

    async def open_erasure(
        self,
        controller: Controller,
        *,
        request_id: bytes,
        who: Identifier | bytes,
        source: str,
        categories: Sequence[str] = (),
        proven: bool = True,
        holds: Mapping[str, int] | None = None,
        received_ms: int,
    ) -> RequestView:
        """A request to be erased (GDPR art. 17(1)), durable on return and carried out from then on.

        Of the named ``categories``, or of everything. ``holds``: since when each hold of the catalogue applies to
        this person, in milliseconds. A request that is not ``proven`` waits for :meth:`prove` and changes nothing.
        Repeatable by ``request_id``. Raises ``NotFound(subject_unknown)`` when nothing is held under that name,
        ``Conflict(request_id_reused)`` when the id is that of another request.
        """
        stated = dict(holds or {})
        asked = tuple(sorted(set(categories)))
        subject_id = await self._subject(controller, who, request_id)
        if subject_id is None:
            # Carried out, and nobody knows any more whom it was about: what else it said cannot be compared.
            return await self.show(controller, request_id)
        content = self._content_mac(controller, subject_id, asked, stated)
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            row = await connection.fetchrow(
                sql.load("request_open", _QUERIES),
                controller.id,
                request_id,
                "proven" if proven else "unproven",
                source,
                content,
                [subject_id],
                list(asked),
                msgspec.json.encode(stated).decode(),
                received_ms,
                request_due(received_ms),
                None,
            )
            is_known = row["content_mac"] != _UNKNOWN_CONTENT and not row["is_forgotten"]
            if is_known and not hmac.compare_digest(row["content_mac"], content):
                raise Conflict("request_id_reused", request_id=request_id.hex())
            if row["fresh"]:
                await tell_opened(connection, controller, request_id, [subject_id], asked, stated, received_ms)
        return await self.show(controller, request_id)

    async def prove(self, controller: Controller, request_id: bytes, at_ms: int) -> RequestView:
        """The request, whose asker has proved to be the person (GDPR art. 12(6)); it is carried out from now on."""
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(sql.load("request_prove", _QUERIES), controller.id, request_id)
        return await self.show(controller, request_id)

    async def extend(self, controller: Controller, request_id: bytes, reason: str, at_ms: int) -> RequestView:
        """The request with two further months to answer it, of which the person must be told (GDPR art. 12(3)).

        Once per request. Raises ``Conflict(request_closed)`` for one that is complete or refused.
        """
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            row = await self._locked(connection, controller, request_id)
            if RequestState(row["state"]) in (RequestState.COMPLETE, RequestState.REFUSED):
                raise Conflict("request_closed", request_id=request_id.hex())
            if not row["extended"] and at_ms > row["due_ms"]:
                # Art. 12(3): the person is told of it within the month.
                raise Conflict("extension_too_late", request_id=request_id.hex())
            if not row["extended"]:
                due_ms = request_due(row["received_ms"], extended=True)
                await connection.execute(
                    sql.load("request_extend", _QUERIES), controller.id, request_id, due_ms
                )
                await _step(connection, controller, request_id, "extended", at_ms)
                await announce(
                    connection, controller, request_id, row["subject_ids"], "extended",
                    outcome=reason, until_ms=due_ms,
                )  # fmt: skip
        return await self.show(controller, request_id)

    async def refuse(self, controller: Controller, request_id: bytes, reason: str, at_ms: int) -> RequestView:
        """The request, refused for ``reason`` (GDPR art. 12(5), 17(3)).

        Raises ``Conflict(request_closed)`` once it has blocked the person: from there on an erasure goes to its end.
        """
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            row = await self._locked(connection, controller, request_id)
            if row["state"] == RequestState.REFUSED:
                return await self._view(connection, controller, request_id)
            if RequestState(row["state"]) in UNREFUSABLE_FROM:
                raise Conflict("request_closed", request_id=request_id.hex())
            await connection.execute(sql.load("request_refuse", _QUERIES), controller.id, request_id, reason, at_ms)
            await _step(connection, controller, request_id, "refused", at_ms)
            await announce(connection, controller, request_id, row["subject_ids"], "refused", outcome=reason)
        return await self.show(controller, request_id)

    async def show(self, controller: Controller, request_id: bytes) -> RequestView:
        """The request as it stands. Raises ``NotFound(request_unknown)``; another controller's looks the same."""
        async with pool.borrowed(self._vault) as connection:
            return await self._view(connection, controller, request_id)

    async def listed(
        self,
        controller: Controller,
        *,
        state: str | None = None,
        overdue: bool | None = None,
        before: tuple[int, bytes] | None = None,
        limit: int = LISTED,
    ) -> list[RequestView]:
        """At most ``limit`` requests, newest first, behind ``before`` (received_ms and request id of the last seen)."""
        received_ms, request_id = before if before is not None else (None, None)
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(
                sql.load("request_list", _QUERIES),
                controller.id, state, overdue, received_ms, request_id, min(limit, LISTED),
            )  # fmt: skip
            return [await self._view(connection, controller, row["request_id"]) for row in rows]

    async def of_subject(
        self, controller: Controller, subject_id: bytes, *, limit: int = LISTED
    ) -> list[RequestView]:
        """The newest requests about a subject, newest first; those that erased it too."""
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(
                sql.load("request_of_subject", _QUERIES), controller.id, subject_id, limit
            )
            return [await self._view(connection, controller, row["request_id"]) for row in rows]

    async def _subject(self, controller: Controller, who: Identifier | bytes, request_id: bytes) -> bytes | None:
        """The subject that is meant. A request that was opened already knows it, whatever the directory forgot; None
        for one that has forgotten it as well."""
        if isinstance(who, bytes):
            (known,) = await self._directory.known(controller, [who])
        else:
            (known,) = await self._directory.lookup(controller, [who])
        if known is not None and known.state is not SubjectState.DESTROYED:
            return known.subject_id
        async with pool.borrowed(self._vault) as connection:
            row = await connection.fetchrow(sql.load("request_find", _QUERIES), controller.id, request_id)
        if row is None:
            raise NotFound("subject_unknown", "Nothing is held about this person.")
        return bytes(row["subject_ids"][0]) if row["subject_ids"] else None

    def _content_mac(
        self, controller: Controller, subject_id: bytes, categories: Sequence[str], holds: Mapping[str, int]
    ) -> bytes:
        said = msgspec.msgpack.encode(
            (_CONTENT_DOMAIN, controller.id, subject_id, list(categories), sorted(holds.items()))
        )
        return hmac.new(self._secrets.intake_mac_key, said, hashlib.sha256).digest()[:MAC_BYTES]

    async def _locked(self, connection: Any, controller: Controller, request_id: bytes) -> Any:
        row = await connection.fetchrow(sql.load("request_lock", _QUERIES), controller.id, request_id)
        if row is None:
            raise NotFound("request_unknown", request_id=request_id.hex())
        return row

    async def _view(self, connection: Any, controller: Controller, request_id: bytes) -> RequestView:
        row = await connection.fetchrow(sql.load("request_find", _QUERIES), controller.id, request_id)
        if row is None:
            raise NotFound("request_unknown", request_id=request_id.hex())
        orders = await connection.fetch(sql.load("order_of_request", _QUERIES), controller.id, request_id)
        steps = await connection.fetch(sql.load("request_steps", _QUERIES), controller.id, request_id)
        return request_view(row, orders, steps)


async def tell_opened(
    connection: Any,
    controller: Controller,
    request_id: bytes,
    subject_ids: Sequence[bytes],
    categories: tuple[str, ...],
    holds: Mapping[str, int],
    received_ms: int,
) -> None:
    """Queues ``ErasureRequested`` for the subjects of a request that was just opened, in the caller's transaction."""
    await _step(connection, controller, request_id, "requested", received_ms)
    for subject_id in subject_ids:
        event_id = event_id_of(request_id, "requested", "", subject_id.hex())
        event = ErasureRequested(
            envelope=envelope_for(controller.name, event_id, request_id),
            due_at=request_due(received_ms),
            categories=categories,
            holds=tuple(StatedHold(hold=hold, since_ms=since_ms) for hold, since_ms in sorted(holds.items())),
        )
        await enqueue(
            connection,
            controller_id=controller.id,
            subject_id=subject_id,
            request_id=request_id,
            step="requested",
            event=event,
        )


async def _step(connection: Any, controller: Controller, request_id: bytes, step: str, at_ms: int) -> None:
    await connection.execute(sql.load("request_step_add", _QUERIES), controller.id, request_id, step, at_ms)
