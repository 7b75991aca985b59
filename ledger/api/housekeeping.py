"""What the API does on the side: idempotency keys older than seven days are deleted, a few at a time.

Every API process does it; they skip each other's rows.
"""

import asyncio
import random
from typing import Final

from ledger import log_lines
from ledger.errors import LedgerError
from ledger.vault.intake_keys import PURGE_BATCH, IntakeKeys

__all__ = ["Housekeeping"]

INTERVAL_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 0.5
"""Between two batches, so that requests get their turn."""

_log = log_lines.get_logger(__name__)


class Housekeeping:
    """Runs from :meth:`start` to :meth:`aclose`; a Postgres that is away is tried again at the next turn."""

    def __init__(self, intake_keys: IntakeKeys) -> None:
        self._intake_keys = intake_keys
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    async def purge(self) -> int:
        """Deletes every key that is too old and says how many."""
        total = 0
        while True:
            deleted = await self._intake_keys.purge()
            total += deleted
            if deleted < PURGE_BATCH:
                return total
            await asyncio.sleep(PAUSE_SECONDS)

    async def _run(self) -> None:
        while True:
            # Spread, so that processes that started together do not come together.
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))
            try:
                deleted = await self.purge()
            except LedgerError as error:
                _log.warning("purge_failed", code=error.code)
                continue
            if deleted:
                _log.info("intake_keys_purged", count=deleted)
