"""One event loop in a thread of its own for each process: what the sync ledger runs on.

A thread does not survive a fork, and its loop's selector is shared with the parent: a child therefore leaves the
parent's loop and everything on it alone, neither using nor closing it, and starts its own at the first call.
"""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Hashable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar, cast

__all__ = ["LoopThread", "close", "opened", "run"]

END_SECONDS: Final = 10.0
"""How long the end of the process waits for what is open: five seconds of acts under way, then connections."""

_log = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")


class Closable(Protocol):
    async def aclose(self) -> None: ...


ClosableT = TypeVar("ClosableT", bound=Closable)


class LoopThread:
    """A running event loop that any thread of this process may hand work to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._started = threading.Event()
        # A daemon, so that a hung connection cannot keep the process from ending; atexit waits for the rest.
        self._thread = threading.Thread(target=self._run, name="ledger-sdk", daemon=True)
        self._thread.start()
        self._started.wait()

    def run(self, work: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        """What ``work`` returns or raises. An interrupt of the waiting thread cancels the work."""
        future: Future[AnswerT] = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def end(self, left: Sequence[Closable]) -> None:
        """Closes what is open on the loop within ``END_SECONDS``, then ends loop and thread."""

        async def close() -> None:
            await asyncio.gather(*(each.aclose() for each in left))

        future = asyncio.run_coroutine_threadsafe(close(), self.loop)
        try:
            future.result(END_SECONDS)
        except TimeoutError:
            future.cancel()
            _log.warning("the process ends although the ledger's connections did not close in time")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(1.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(self._started.set)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()


class _Process:
    """What this process has: its loop thread, and what was opened on it, by owner. A child begins with nothing."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: LoopThread | None = None
        self.opened: dict[Hashable, Closable] = {}


_process = _Process()
_left_by_parents: Final[list[_Process]] = []
"""Kept, not closed: closing would reach into the selector that the parent still uses."""


def run(work: Coroutine[Any, Any, AnswerT]) -> AnswerT:
    """What ``work`` returns or raises, on the loop thread of this process, which starts at the first call."""
    with _process.lock:
        if _process.thread is None:
            _process.thread = LoopThread()
            atexit.register(_end)
        thread = _process.thread
    return thread.run(work)


def opened(owner: Hashable, make: Callable[[], ClosableT]) -> ClosableT:
    """What ``owner`` has opened in this process, made now if there was none. Closed when the process ends."""
    with _process.lock:
        found = _process.opened.get(owner)
        if found is None:
            found = _process.opened[owner] = make()
        return cast(ClosableT, found)


def close(owner: Hashable) -> None:
    """Closes what ``owner`` has opened in this process, if anything."""
    with _process.lock:
        found = _process.opened.pop(owner, None)
    if found is not None:
        run(found.aclose())


def _end() -> None:
    with _process.lock:
        thread, _process.thread = _process.thread, None
        left, _process.opened = list(_process.opened.values()), {}
    if thread is not None:
        thread.end(left)


def _begin_anew() -> None:
    global _process
    _left_by_parents.append(_process)
    _process = _Process()
    atexit.unregister(_end)


os.register_at_fork(after_in_child=_begin_anew)
