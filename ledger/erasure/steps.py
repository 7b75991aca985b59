"""One request, taken as far as it goes: each step is one transaction of the vault with the event that tells of it.

The life of an erasure is in :mod:`ledger.domain.rights_requests`. Every step compares the state before it sets the
next, so a crash between any two resumes, and a step that two processes take is taken once. What a step waits for is
said in the row (``waits_for``): the log to take an event, caches to run out, the fold to pass, a holder to answer.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from ledger.domain.deadlines import hold_ends
from ledger.domain.erasure_events import HeldCategory, SubjectBlocked
from ledger.domain.rights_requests import RequestState, assess, event_id_of, is_verified_enough
from ledger.erasure.catalogues import Catalogues
from ledger.erasure.destroying import Destroyer
from ledger.erasure.queue import announce, enqueue, envelope_for, is_sent
from ledger.erasure.request_rows import Request, request_of
from ledger.erasure.settling import End, Settling, Waits
from ledger.read_model import pool, sql
from ledger.vault.late_noes import late_ends
from ledger.vault.links import group_of

__all__ = ["RequestSteps"]

_QUERIES: Final = "ledger.vault.queries"


class RequestSteps:
    """Takes requests further. ``reach`` is called after each step's transaction, for fault tests."""

    def __init__(
        self,
        vault: Any,
        catalogues: Catalogues,
        settling: Settling,
        destroyer: Destroyer,
        waits: Waits,
        reach: Callable[[str], None],
    ) -> None:
        self._vault = vault
        self._catalogues = catalogues
        # Never stored: a restored vault would bring back ends from before what was said since.
        self._ends: dict[bytes, tuple[End, ...]] = {}
        self._settling = settling
        self._destroyer = destroyer
        self._waits = waits
        self._reach = reach
        self._steps = {
            RequestState.REQUESTED: self._identify,
            RequestState.IDENTIFIED: self._assess,
            RequestState.ASSESSED: self._block,
            RequestState.BLOCKED: self._settle,
            RequestState.SETTLED: self._destroy,
            RequestState.DESTROYED: self._order,
            RequestState.ORDERED: self._complete,
        }

    async def advance(self, request: Request) -> Request:
        """The request after as many steps as it can take now; what it then waits for is noted with it.

        Raises ``Unavailable`` when a service is away: the step was not taken and is tried again.
        """
        while request.state in self._steps:
            waits_for, again_ms = await self._steps[request.state](request)
            if waits_for is not None:
                await self._note_wait(request, waits_for, again_ms)
                return request
            self._reach(f"erasure_{request.state.value}")
            request = await self._read(request)
        return request

    async def _identify(self, request: Request) -> "_Outcome":
        if request.identity != "proven":
            return "proof_of_identity", _LONG_MS
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            group = await self._group(connection, request)
            if await self._move(connection, request, RequestState.IDENTIFIED, subject_ids=group):
                await announce(connection, request.controller, request.request_id, group, "identified")
        return _TAKEN

    async def _assess(self, request: Request) -> "_Outcome":
        catalogue = await self._catalogues.in_force(request.controller)
        now_ms = _now_ms()
        since_ms = request.received_ms if request.holds_since_ms is None else request.holds_since_ms
        found = assess(
            catalogue, request.categories, request.stated_holds, since_ms, now_ms, until_of=hold_ends
        )
        state = RequestState.REFUSED if found.refused else RequestState.ASSESSED
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            moved = await self._move(
                connection,
                request,
                state,
                erased_categories=found.erased,
                held=found.held,
                is_whole=found.is_whole,
                resumes_ms=found.resumes_ms,
                refusal="held" if found.refused else None,
                completed_ms=now_ms if found.refused else None,
            )
            if moved:
                await announce(
                    connection, request.controller, request.request_id, request.subject_ids,
                    state.value, outcome="held" if found.refused else None, until_ms=found.resumes_ms,
                )  # fmt: skip
        return _TAKEN

    async def _block(self, request: Request) -> "_Outcome":
        """From the commit on the vault links and grants nothing; from the events on every reader denies."""
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            group = await self._group(connection, request)
            if not await self._move(connection, request, RequestState.BLOCKED, subject_ids=group):
                return _TAKEN
            if request.is_whole:
                await connection.execute(
                    sql.load("subject_block", _QUERIES), request.controller.id, list(group)
                )
            for subject_id in group:
                event_id = event_id_of(request.request_id, "blocked", "", subject_id.hex())
                event = SubjectBlocked(
                    envelope=envelope_for(request.controller.name, event_id, request.request_id),
                    categories=request.masked,
                )
                await enqueue(
                    connection, controller_id=request.controller.id, subject_id=subject_id,
                    request_id=request.request_id, step="blocked", event=event,
                )  # fmt: skip
        return _TAKEN

    async def _settle(self, request: Request) -> "_Outcome":
        async with pool.borrowed(self._vault) as connection:
            if not await is_sent(connection, request.controller.id, request.request_id, "blocked"):
                return "log", _SOON_MS
            if request.blocked_ms is None:
                request = msgspec.structs.replace(request, blocked_ms=_now_ms())
                await connection.execute(
                    sql.load("request_blocked_at", _QUERIES),
                    request.controller.id, request.request_id, request.blocked_ms,
                )  # fmt: skip
        left_ms = (request.blocked_ms or 0) + await self._waits.total_ms() - _now_ms()
        if left_ms > 0:
            return "caches_and_appends", left_ms
        if not await self._is_folded(request):
            return "fold", _SOON_MS
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            if await self._move(connection, request, RequestState.SETTLED):
                await announce(
                    connection, request.controller, request.request_id, request.subject_ids, "settled"
                )
        return _TAKEN

    async def _destroy(self, request: Request) -> "_Outcome":
        # Looked at again: another process may have settled it, before a restore even.
        if not await self._is_folded(request):
            return "fold", _SOON_MS
        catalogue = await self._catalogues.in_force(request.controller)
        now_ms = _now_ms()
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            # With the rows locked: no intake takes another no for these subjects until this is committed.
            late = await late_ends(connection, request.controller.id, request.subject_ids)
            if not await self._destroyer.is_folded_past(request.controller, late):
                return "fold", _SOON_MS
            noes = await self._destroyer.noes(request.controller, request.subject_ids, now_ms)
            if await self._move(connection, request, RequestState.DESTROYED):
                await self._destroyer.destroy(
                    connection,
                    request.controller,
                    request_id=request.request_id,
                    subject_ids=request.subject_ids,
                    is_whole=request.is_whole,
                    asked_everything=not request.categories,
                    categories=request.masked,
                    held=request.held,
                    noes=noes,
                    catalogue=catalogue,
                    now_ms=now_ms,
                )
        self._ends.pop(request.request_id, None)
        return _TAKEN

    async def _is_folded(self, request: Request) -> bool:
        """Whether the fold has passed the ends that both lanes had when this process first asked, after the waits."""
        ends = self._ends.get(request.request_id)
        if ends is None:
            ends = await self._settling.ends(request.controller, request.subject_ids)
            self._ends[request.request_id] = ends
        return await self._settling.is_folded_past(request.controller, ends)

    async def _order(self, request: Request) -> "_Outcome":
        async with pool.borrowed(self._vault) as connection:
            if not await is_sent(connection, request.controller.id, request.request_id, "destroyed"):
                return "log", _SOON_MS
            orders = await self._orders(connection, request)
        if any(order["state"] == "pending" for order in orders):
            return "orders_to_be_sent", _SOON_MS
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            if await self._move(connection, request, RequestState.ORDERED):
                await announce(
                    connection, request.controller, request.request_id, request.subject_ids, "ordered"
                )
        return _TAKEN

    async def _complete(self, request: Request) -> "_Outcome":
        now_ms = _now_ms()
        async with pool.borrowed(self._vault) as connection:
            orders = await self._orders(connection, request)
        if not all(_is_answered(order) for order in orders):
            # An answer brings it forward.
            return "holders", _LONG_MS
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            gone: tuple[bytes, ...] | None = () if request.is_whole else None
            if await self._move(
                connection, request, RequestState.COMPLETE, completed_ms=now_ms, subject_ids=gone
            ):
                await announce(
                    connection, request.controller, request.request_id, request.subject_ids, "complete",
                    until_ms=request.resumes_ms,
                )  # fmt: skip
        return _TAKEN

    async def _group(self, connection: Any, request: Request) -> tuple[bytes, ...]:
        """The linked group as it is now, its rows locked: a link made meanwhile is erased with the rest."""
        group: set[bytes] = set(request.subject_ids)
        for subject_id in sorted(request.subject_ids):
            group.update(await group_of(connection, request.controller.id, subject_id, lock=True))
        return tuple(sorted(group))

    async def _move(
        self,
        connection: Any,
        request: Request,
        state: RequestState,
        *,
        subject_ids: Sequence[bytes] | None = None,
        erased_categories: Sequence[str] | None = None,
        held: Sequence[HeldCategory] | None = None,
        is_whole: bool | None = None,
        resumes_ms: int | None = None,
        refusal: str | None = None,
        completed_ms: int | None = None,
    ) -> bool:
        """Sets the next state if nobody did, in the caller's transaction."""
        moved = await connection.fetchval(
            sql.load("request_move", _QUERIES),
            request.controller.id,
            request.request_id,
            request.state.value,
            state.value,
            None if subject_ids is None else list(subject_ids),
            None if erased_categories is None else list(erased_categories),
            None if held is None else msgspec.json.encode(held).decode(),
            is_whole,
            resumes_ms,
            refusal,
            completed_ms,
        )
        if moved:
            await connection.execute(
                sql.load("request_step_add", _QUERIES),
                request.controller.id, request.request_id, state.value, _now_ms(),
            )  # fmt: skip
        return bool(moved)

    async def _orders(self, connection: Any, request: Request) -> Sequence[Any]:
        found: Sequence[Any] = await connection.fetch(
            sql.load("order_of_request", _QUERIES), request.controller.id, request.request_id
        )
        return found

    async def _note_wait(self, request: Request, waits_for: str, again_ms: int) -> None:
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("request_wait", _QUERIES),
                request.controller.id, request.request_id, waits_for, again_ms / 1000,
            )  # fmt: skip

    async def _read(self, request: Request) -> Request:
        async with pool.borrowed(self._vault) as connection:
            row = await connection.fetchrow(
                sql.load("request_work_on", _QUERIES), request.controller.id, request.request_id
            )
        return request_of(request.controller, row)


_Outcome = tuple[str | None, int]
"""What the step waits for and for how long at most, or that it was taken."""

_TAKEN: Final[_Outcome] = (None, 0)
_SOON_MS: Final = 200
_LONG_MS: Final = 60_000


def _is_answered(order: Any) -> bool:
    if order["state"] in ("pending", "refused"):
        return False
    return is_verified_enough(order["verification"], order["required_verification"])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
