"""How much of the worker's time an import gets: all of it while the live lane is silent, a share while it is not.

A worker has one connection and one transaction in flight, so a live record that arrives just now waits for the
backfill batch that was begun. That batch is short, and while live records come, the next one is put off for a multiple
of what it took: one behind every live batch made an act wait five times as long as without an import (measured at 300
acts a second).
"""

import time
from typing import Final

__all__ = ["Pace"]

RECORDS: Final = 400
RECORDS_BESIDE_LIVE: Final = 100
# The share of an import beside live acts is one in so many, and one.
PAUSE_SHARE: Final = 4.0
LIVE_IS_BUSY_SECONDS: Final = 0.5


class Pace:
    """Told of live records and of backfill batches; tells when the next one may be begun, and how long."""

    def __init__(self) -> None:
        self._live_at = -LIVE_IS_BUSY_SECONDS
        self._due_at = 0.0

    def live_came(self) -> None:
        """Live records were fetched just now."""
        self._live_at = time.monotonic()

    def batch_took(self, seconds: float) -> None:
        """A backfill batch was committed just now."""
        self._due_at = time.monotonic() + PAUSE_SHARE * seconds

    def due_in(self) -> float:
        """Seconds until a backfill batch may be begun; 0 for now."""
        return max(0.0, self._due_at - time.monotonic()) if self._is_live_busy else 0.0

    def records(self) -> int:
        """How many records of one partition the next backfill batch may hold."""
        return RECORDS_BESIDE_LIVE if self._is_live_busy else RECORDS

    @property
    def _is_live_busy(self) -> bool:
        return time.monotonic() - self._live_at < LIVE_IS_BUSY_SECONDS
