"""The catalogue as a direct producer knows it: taken from the API, kept for 60 s, and not needed.

Without it a yes is not judged before it is recorded (a check judges by the catalogue in any case), and *unsubscribe*
becomes an opt-out, which blocks every basis alike.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ledger.domain.catalogue import Catalogue
from ledger.errors import LedgerError
from ledger.event_log.clock import seconds_since_boot

__all__ = ["KeptCatalogue"]

CATALOGUE_LIFE_SECONDS: Final = 60.0
ASK_AGAIN_SECONDS: Final = 5.0
"""After a failure, so that an API that is down does not slow down every act."""

_log = logging.getLogger(__name__)


class KeptCatalogue:
    """Asks ``fetch`` (the API) at most once a minute, whoever asks in the meantime."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Catalogue | None]],
        clock: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._catalogue: Catalogue | None = None
        self._asked_at = float("-inf")
        self._failed_at = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self) -> Catalogue | None:
        """The catalogue in force within the last 60 s, or None when nobody could tell. Never raises for that."""
        async with self._lock:
            now = self._clock()
            if now - self._asked_at <= CATALOGUE_LIFE_SECONDS:
                return self._catalogue
            if now - self._failed_at <= ASK_AGAIN_SECONDS:
                return None
            try:
                self._catalogue = await self._fetch()
            except LedgerError as error:
                self._failed_at = self._clock()
                _log.warning(
                    "no catalogue from the ledger's API (%s); acts are recorded unjudged", error.code
                )
                return None
            self._asked_at = now
            return self._catalogue
