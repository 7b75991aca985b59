"""Erasures in the reactions worker: tasks that follow the log for the vault and take open requests further.

One :class:`ledger.erasure.worker.ErasureWorker` is open at a time. When Kafka or Postgres goes away it is given up
and opened anew a second later; every step is guarded by its row, so nothing is lost or done twice. Anything else
that goes wrong ends the process, and the next start meets it again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import faust

from ledger.erasure.worker import ErasureWorker
from ledger.errors import LedgerError
from ledger.log_lines import get_logger
from projections.failpoints import Failpoint
from projections.reaction_parts import ReactionParts

__all__ = ["register"]

WORK_SECONDS: Final = 0.1
AGAIN_SECONDS: Final = 1.0

_log = get_logger(__name__)


def register(app: faust.App, parts: ReactionParts) -> Callable[[], Awaitable[None]]:
    """Adds the tasks to the app, which shares ``parts`` with the other reactions; returns what closes their own.

    Not timers: a round with a thousand requests takes its time, and Faust warns of a timer that does.
    """
    erasures = _Erasures(parts)

    async def take_requests_further() -> None:
        while not app.should_stop:
            await erasures.tried(erasures.work)
            await app.sleep(WORK_SECONDS)

    async def follow_the_log() -> None:
        while not app.should_stop:
            await erasures.tried(erasures.follow)
            await app.sleep(WORK_SECONDS)

    app.task(take_requests_further)
    app.task(follow_the_log)
    return erasures.close


class _Erasures:
    """The worker of this process, opened when it is first needed and again after an outage."""

    def __init__(self, parts: ReactionParts) -> None:
        self._parts = parts
        failpoint = parts.settings.failpoint
        self._failpoint = Failpoint(failpoint) if failpoint else None
        self._stack = AsyncExitStack()
        self._worker: ErasureWorker | None = None
        self._closed = False

    async def close(self) -> None:
        """Lets go of the lock and the log; a step in flight is rolled back and taken again at the next start."""
        self._closed = True
        await self._give_up()

    async def work(self) -> None:
        if self._worker is None and not self._closed:
            await self._open()
        if self._worker is not None:
            await self._worker.work()

    async def follow(self) -> None:
        if self._worker is not None:
            await self._worker.follower.follow(wait_ms=0)

    async def tried(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Does something with the worker; gives it up, to be opened anew, when a service is away."""
        try:
            await call()
        except LedgerError as error:
            if not error.retryable:
                raise
            _log.warning("erasures_wait", code=error.code, error_type=type(error.__cause__).__name__)
            await self._give_up()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _give_up(self) -> None:
        self._worker = None
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def _open(self) -> None:
        opened = await self._parts.opened()
        worker = ErasureWorker(
            self._parts.settings,
            vault=opened.vault,
            connections=opened.connections,
            secrets=opened.secrets,
            appender=opened.appender,
            reach=None if self._failpoint is None else self._failpoint.reach,
        )
        await self._stack.enter_async_context(worker)
        self._worker = worker
