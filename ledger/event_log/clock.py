"""The clock of the append's deadline: it runs on while the machine sleeps, and never steps."""

import time
from typing import Final

__all__ = ["seconds_since_boot"]

# macOS has no CLOCK_BOOTTIME; its CLOCK_MONOTONIC counts sleep.
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds_since_boot() -> float:
    """Seconds; two readings of one boot can be compared."""
    return time.clock_gettime(_CLOCK)
