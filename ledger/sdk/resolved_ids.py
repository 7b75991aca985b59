"""Subject ids that a direct producer has resolved: kept for at most 60 s, counted from *before* the resolve.

An erased person who comes back has a new id. The ledger waits until no cache and no append can still use the old one
before it destroys anything; that wait rests on the numbers here (races.md, D3).
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from ledger.domain.identifiers import Identifier
from ledger.event_log.clock import seconds_since_boot
from ledger.sdk.people import Person, SubjectId

__all__ = ["ID_LIFE_SECONDS", "Resolved", "ResolvedIds"]

ID_LIFE_SECONDS: Final = 60.0
KEPT_IDS: Final = 50_000
"""People held at once; the one longest unused goes first."""


class Resolved(NamedTuple):
    """A subject id and when it was asked for; None for an id that the caller holds, which nobody here can renew."""

    subject_id: bytes
    asked_at: float | None


class ResolvedIds:
    """Asks ``resolve`` (the API) for the ids of identifiers, and remembers them for a while.

    ``clock`` must run through sleep: a laptop's lid must not make an id of last night young.
    """

    def __init__(
        self, resolve: Callable[[Person], Awaitable[bytes]], clock: Callable[[], float] = seconds_since_boot
    ) -> None:
        self._resolve = resolve
        self._clock = clock
        self._kept: OrderedDict[Identifier, Resolved] = OrderedDict()

    async def of(self, person: Person) -> Resolved:
        """The person's id, from memory if it is young enough. Raises what ``resolve`` raises."""
        if isinstance(person, SubjectId):
            return Resolved(person.value, None)
        held = self._kept.get(person)
        if held is None or self.is_old(held):
            return await self.anew(person)
        self._kept.move_to_end(person)
        return held

    def is_old(self, resolved: Resolved) -> bool:
        """Whether the person may have been erased since, as far as this process can tell."""
        return resolved.asked_at is not None and self._clock() - resolved.asked_at > ID_LIFE_SECONDS

    async def anew(self, person: Person) -> Resolved:
        """The person's id as the ledger says now."""
        if isinstance(person, SubjectId):
            return Resolved(person.value, None)
        asked_at = self._clock()
        resolved = Resolved(await self._resolve(person), asked_at)
        self._kept[person] = resolved
        self._kept.move_to_end(person)
        while len(self._kept) > KEPT_IDS:
            self._kept.popitem(last=False)
        return resolved
