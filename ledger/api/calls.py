"""What a handler gets: who calls, with what, and the parts of the ledger that it may use."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.api.keys import Caller, ScopeName

if TYPE_CHECKING:
    from ledger.api.services import Services

__all__ = ["Call", "now_ms"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated request. ``began`` is ``seconds_since_boot()`` at its arrival.

    ``confirmed`` is false when Postgres could not be asked about the key and it was only known from before: nothing
    may be told or taken in on the strength of it.
    """

    services: "Services"
    caller: Caller
    confirmed: bool
    body: Any
    path: Mapping[str, str]
    query: Mapping[str, str]
    idempotency_key: str | None
    began: float

    @property
    def may_read(self) -> bool:
        """Whether the caller may learn what a person said in the past."""
        return ScopeName.READ in self.caller.scopes


def now_ms() -> int:
    """The asking clock, in ms since the epoch."""
    return time.time_ns() // 1_000_000
