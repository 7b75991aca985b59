"""One person's acts go out one by one, in the order of the calls.

Two acts in flight at once could be appended in either order, and the ledger could not tell a late *off* from a
real one (standing.md, history 24). Other people's acts are not held up.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["FirstCalls", "Turns"]

REMEMBERED_CALLS: Final = 10_000
"""Acts without an acknowledgement whose first call is remembered; the oldest is forgotten beyond."""


class Turns:
    """A lock for each person with something under way, first come first served."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def of(self, person: Hashable) -> AsyncIterator[None]:
        """This person's turn, when everybody who asked before has had theirs."""
        lock, waiting = self._held.setdefault(person, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                del self._held[person]


class FirstCalls:
    """When an act that nobody acknowledged yet was made, by the caller's own idempotency key.

    A grant that is called again after a failure is as old as its first call: if it counted as new, it could beat
    a withdrawal made between the two (standing.md, history 4).
    """

    def __init__(self) -> None:
        self._made_at: OrderedDict[str, float] = OrderedDict()

    def of(self, key: str, made_at: float) -> float:
        """The earliest moment stated or measured for the act under ``key``, in seconds since boot."""
        first = self._made_at[key] = min(made_at, self._made_at.get(key, made_at))
        while len(self._made_at) > REMEMBERED_CALLS:
            self._made_at.popitem(last=False)
        return first

    def settle(self, key: str) -> None:
        """The act under ``key`` has been acknowledged or refused for good."""
        self._made_at.pop(key, None)
