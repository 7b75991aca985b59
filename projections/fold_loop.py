"""The fold as a Faust service: keeps a session of it running until the worker is told to stop.

A session is one set of connections. When Kafka or Postgres goes away it is given up and another is tried, at first
at once and then every few seconds; positions are in Postgres, so nothing is lost or done twice. Anything else that
goes wrong ends the process: the next start knows from the position row which record it may have been.
"""

import asyncio
import gc
import os
import socket
from typing import Any, Final

from aiokafka.errors import KafkaError
from mode import Service

from ledger.errors import Unavailable
from ledger.log_lines import get_logger
from ledger.metrics import PROJECTION_READY
from ledger.settings import FoldSettings
from projections.failpoints import Failpoint
from projections.fold_session import FoldSession

__all__ = ["FoldLoop"]

GARBAGE_THRESHOLDS: Final = (20_000, 50, 100)
DRAIN_SECONDS: Final = 30.0
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 5.0

_log = get_logger(__name__)


class FoldLoop(Service):
    """Runs sessions of the fold; on stop, the batch in flight is committed and the partitions are let go of."""

    def __init__(self, settings: FoldSettings, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings
        self._failpoint = Failpoint(settings.failpoint) if settings.failpoint else None
        self._owner_name = f"{socket.gethostname()}:{os.getpid()}"
        self._own_ids: set[bytes] = set()
        self._stop_asked = asyncio.Event()
        self._drained = asyncio.Event()

    async def on_start(self) -> None:
        """Tunes the garbage collector: a batch is tens of thousands of young objects, none of them in a cycle.

        Measured on the fold alone, without I/O: 36 us a record with the default thresholds, 33 with these.
        """
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)

    async def on_stop(self) -> None:
        """Waits until the batch in flight is written: a task of a service is otherwise cancelled undrained."""
        self._stop_asked.set()
        await asyncio.wait_for(self._drained.wait(), DRAIN_SECONDS)

    @Service.task
    async def _run(self) -> None:
        try:
            await self._run_sessions()
        finally:
            PROJECTION_READY.labels("fold").set(0)
            self._drained.set()

    async def _run_sessions(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stop_asked.is_set():
            session = FoldSession(self._settings, self._owner_name, self._own_ids, self._failpoint)
            try:
                await session.run(self._stop_asked)
            except (Unavailable, KafkaError) as error:
                _log.warning("fold_waits", projection="fold", error_type=type(error).__name__, seconds=wait)
            wait = FIRST_WAIT_SECONDS if session.was_ready else min(wait * 2, LONGEST_WAIT_SECONDS)
            PROJECTION_READY.labels("fold").set(0)
            await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop_asked.wait(), seconds)
        except TimeoutError:
            return
