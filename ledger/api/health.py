"""``/livez``, ``/readyz`` and ``/metrics``: for the machinery around the process, without a key."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ledger.api.endpoints import Receive, Scope, Send, send_json
from ledger.api.services import Services
from ledger.api.vault_gate import CODE as VAULT_CLOSED
from ledger.errors import LedgerError
from ledger.read_model import pool

__all__ = ["Liveness", "Metrics", "Readiness", "ReadyAnswer"]

CHECK_TIMEOUT_SECONDS: Final = 1.0


class ReadyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``ready``: requests can be answered. ``reasons`` are error codes: of what keeps it from being ready, or, while
    it is ready, of what does not work (no log: acts are refused for now, decisions go on)."""

    ready: bool
    reasons: tuple[str, ...] = ()


class Liveness:
    """200 as long as the process answers at all: restarting it mends nothing that another process broke."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"alive": True})


class Readiness:
    """200 when requests can be answered, else 503 with the reasons."""

    def __init__(self, services: Callable[[], Services | None]) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self.check()
        await send_json(send, 200 if answer.ready else 503, answer)

    async def check(self) -> ReadyAnswer:
        services = self._services()
        reason = "postgres_unavailable" if services is None else await _postgres_reason(services)
        if services is None or reason is not None:
            return ReadyAnswer(ready=False, reasons=(reason or "postgres_unavailable",))
        if not services.vault_gate.is_open:
            return ReadyAnswer(ready=False, reasons=(VAULT_CLOSED,))
        degraded = () if services.writer.is_working else ("log_unavailable",)
        return ReadyAnswer(ready=True, reasons=degraded)


class Metrics:
    """The process's metrics in the text format of Prometheus."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = generate_latest()
        headers = [
            (b"content-type", CONTENT_TYPE_LATEST.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _postgres_reason(services: Services) -> str | None:
    """The code of what is wrong with Postgres, or None."""

    async def look() -> None:
        async with pool.borrowed(services.connections) as connection:
            await connection.fetchval("select 1")

    # Not cancelled: a database that hangs would hang the cancelling as well.
    task = asyncio.ensure_future(look())
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    done, _ = await asyncio.wait([task], timeout=CHECK_TIMEOUT_SECONDS)
    if not done:
        return "postgres_unavailable"
    error = task.exception()
    if error is None:
        return None
    return error.code if isinstance(error, LedgerError) else "internal_error"
