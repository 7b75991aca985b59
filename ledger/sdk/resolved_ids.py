"""Subject ids that a direct producer has resolved: kept as long as the ledger says, counted from *before* the resolve.

An erased person who comes back has a new id. The ledger waits until no cache and no append can still use the old one
before it destroys anything; that wait rests on the numbers here (races.md, D3). So an id that has grown old is not
used for one attempt more, whoever still holds it.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from ledger.domain.identifiers import Identifier
from ledger.event_log.clock import seconds_since_boot
from ledger.sdk.people import Person, SubjectId

__all__ = ["ID_LIFE_SECONDS", "IdGrownOld", "Resolution", "Resolved", "ResolvedIds"]

ID_LIFE_SECONDS: Final = 60.0
"""Where nobody says otherwise, and the most that any ledger allows."""
KEPT_IDS: Final = 50_000
"""People held at once; the one longest unused goes first."""


class IdGrownOld(Exception):
    """The id was resolved too long ago to be written under once more: ask anew. Never leaves the SDK."""


class Resolution(NamedTuple):
    """What the API answers: an id, and whether it is active. One under erasure is not."""

    subject_id: bytes
    active: bool = True


class Resolved(NamedTuple):
    """A subject id and when it was asked for; None for an id that the caller holds, which nobody here can renew."""

    subject_id: bytes
    asked_at: float | None
    active: bool = True


class ResolvedIds:
    """Asks ``resolve`` (the API) for the ids of identifiers, and remembers them for a while.

    ``clock`` must run through sleep: a laptop's lid must not make an id of last night young. ``life_seconds`` is
    asked each time, since the ledger may tell only after the first act.
    """

    def __init__(
        self,
        resolve: Callable[[Identifier], Awaitable[Resolution]],
        clock: Callable[[], float] = seconds_since_boot,
        life_seconds: Callable[[], float] = lambda: ID_LIFE_SECONDS,
    ) -> None:
        self._resolve = resolve
        self._clock = clock
        self._life_seconds = life_seconds
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
        return resolved.asked_at is not None and self._clock() - resolved.asked_at > self._life_seconds()

    def require_young(self, resolved: Resolved) -> None:
        """Returns while an attempt may begin under this id; raises :class:`IdGrownOld` after that."""
        if self.is_old(resolved):
            raise IdGrownOld

    async def anew(self, person: Person) -> Resolved:
        """The person's id as the ledger says now."""
        if isinstance(person, SubjectId):
            return Resolved(person.value, None)
        asked_at = self._clock()
        found = await self._resolve(person)
        resolved = Resolved(found.subject_id, asked_at, found.active)
        if not resolved.active:
            self._kept.pop(person, None)
            return resolved
        self._kept[person] = resolved
        self._kept.move_to_end(person)
        while len(self._kept) > KEPT_IDS:
            self._kept.popitem(last=False)
        return resolved
