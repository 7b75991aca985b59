"""A ledger in memory for the tests of integrators: the same names, the same rules, no service.

It is built on the domain that answers in production, and passes the behaviour suite that the real stack passes::

    from ledger.sdk.testing import InMemoryLedger

    async with InMemoryLedger(catalogue) as ledger:
        await ledger.unsubscribe(anna, purpose="newsletter", channel="email")
        ledger.clock.advance(minutes=3)
        ledger.faults.unavailable = True

``pytest_plugins = ["ledger.sdk.pytest_plugin"]`` gives the fixture ``ledger``.
"""

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from ledger.domain.catalogue import Catalogue, parse_document
from ledger.sdk.client import Ledger
from ledger.sdk.direct import Speaker
from ledger.sdk.memory_transport import MemoryTransport

if TYPE_CHECKING:
    from ledger.domain.events import SubjectEvent
    from ledger.sdk.people import Person

__all__ = ["Faults", "InMemoryLedger", "MovableClock"]


class MovableClock:
    """The time of a ledger in memory: it stands still until it is moved, and starts at the time of its making."""

    def __init__(self, start_ms: int | None = None) -> None:
        self._now_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._now_ms

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Moves the time; a negative amount is a clock that steps back."""
        moved = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        self._now_ms += moved // timedelta(milliseconds=1)


class Faults:
    """What can go wrong, as switches.

    ``unavailable``: nobody answers; ``stale``: the fold is behind by more than the bound; ``fold_held``: what is
    recorded is not folded; ``answers_lost``: acts are recorded, and their answers never arrive; ``erasures_held``:
    requests to be erased go no further than the block.
    """

    def __init__(self) -> None:
        self.unavailable = False
        self.stale = False
        self.fold_held = False
        self.answers_lost = False
        self.erasures_held = False


class InMemoryLedger(Ledger):
    """A ledger with nothing behind it. ``catalogue`` is what ``ledger catalogue publish`` would have published."""

    def __init__(
        self,
        catalogue: Catalogue | str | None,
        *,
        controller: str = "example",
        source: str = "test",
        clock: MovableClock | None = None,
    ) -> None:
        self.clock = clock or MovableClock()
        self.faults = Faults()
        self._memory = MemoryTransport(
            _catalogue(catalogue), self.clock, self.faults, Speaker(controller, source)
        )
        super().__init__(self._memory)

    def publish(self, catalogue: Catalogue | str) -> None:
        """Puts another catalogue in force."""
        self._memory.catalogue = _catalogue(catalogue)

    def recorded(self, person: "Person") -> list["SubjectEvent"]:
        """The events recorded for a person, oldest first: what a test asserts on."""
        subject = self._memory.log.lookup(person)
        return [appended.event for appended in self._memory.log.records if appended.subject == subject]


def _catalogue(catalogue: Catalogue | str | None) -> Catalogue | None:
    return parse_document(catalogue) if isinstance(catalogue, str) else catalogue
