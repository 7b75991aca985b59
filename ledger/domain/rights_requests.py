"""The life of a request to be erased: its states, what it covers, what is kept, and what is carried beyond it.

==========  ================================================================================================
state       what holds then
==========  ================================================================================================
requested   somebody asked; an unproven request freezes nobody
identified  the person is known, with everybody who is linked to them
assessed    it is said which categories are erased and which the law keeps, until when
blocked     nothing is allowed with what is being erased; a no is still taken
settled     no cache and no append can still use the old id, and both lanes are folded past that moment
destroyed   suppressions and markers are durable, and the vault has forgotten
ordered     every holder was told
complete    every holder has answered, as well as the catalogue demands
==========  ================================================================================================

Also ``refused`` (GDPR art. 12(5), 17(3)). *Extended* and *overdue* are said of a request in any state.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from ledger.domain.catalogue import Catalogue, Hold, Holder
from ledger.domain.erasure_events import HeldCategory
from ledger.domain.rows import Row

__all__ = [
    "OPEN_STATES",
    "Assessment",
    "RequestState",
    "assess",
    "event_id_of",
    "holders_told",
    "is_past_destruction",
    "is_verified_enough",
    "noes_to_carry",
    "order_id_of",
]

ID_BYTES: Final = 16


class RequestState(str, Enum):
    """Where a request is."""

    REQUESTED = "requested"
    IDENTIFIED = "identified"
    ASSESSED = "assessed"
    BLOCKED = "blocked"
    SETTLED = "settled"
    DESTROYED = "destroyed"
    ORDERED = "ordered"
    COMPLETE = "complete"
    REFUSED = "refused"


OPEN_STATES: Final = frozenset(set(RequestState) - {RequestState.COMPLETE, RequestState.REFUSED})

UNREFUSABLE_FROM: Final = frozenset(
    {
        RequestState.BLOCKED,
        RequestState.SETTLED,
        RequestState.DESTROYED,
        RequestState.ORDERED,
        RequestState.COMPLETE,
    }
)
"""From these on a refusal would come too late."""


class Assessment(NamedTuple):
    """What is erased and what is kept. ``is_whole``: nothing is kept, so the identity goes as well.

    ``refused``: everything that was asked for is kept. ``resumes_ms``: when the last hold ends.
    """

    erased: tuple[str, ...]
    held: tuple[HeldCategory, ...]
    is_whole: bool
    refused: bool
    resumes_ms: int | None


def assess(
    catalogue: Catalogue | None,
    asked: Sequence[str],
    stated: Mapping[str, int],
    since_ms: int,
    now_ms: int,
    until_of: Callable[[Hold, int], int],
) -> Assessment:
    """Which of the ``asked`` categories (none: everything) can be erased now, by the catalogue in force.

    ``stated``: since when a hold applies to this person, by hold; one that applies to everybody counts from ``since_ms``,
    the receipt of the request, or of the one that this one resumes. ``until_of`` reckons its end in the controller's
    calendar (:func:`ledger.domain.deadlines.hold_ends`). A hold that has ended by ``now_ms`` keeps nothing. Without a catalogue
    nothing is known to be kept, and nobody knows the categories: everything goes.
    """
    holds = catalogue.holds if catalogue is not None else {}
    held: dict[str, HeldCategory] = {}
    for hold in holds.values():
        begins_ms = stated.get(hold.id, since_ms if hold.applies == "always" else None)
        until_ms = until_of(hold, begins_ms) if begins_ms is not None else None
        if until_ms is None or until_ms <= now_ms:
            continue
        for category in hold.categories:
            longest = held.get(category)
            if (not asked or category in asked) and (longest is None or longest.until_ms < until_ms):
                held[category] = HeldCategory(hold=hold.id, category=category, until_ms=until_ms)
    known = tuple(asked) or tuple(catalogue.categories if catalogue is not None else ())
    erased = tuple(sorted(category for category in known if category not in held))
    is_whole = not asked and not held
    return Assessment(
        erased=() if is_whole else erased,
        held=tuple(held[category] for category in sorted(held)),
        is_whole=is_whole,
        refused=not is_whole and not erased,
        resumes_ms=max((one.until_ms for one in held.values()), default=None),
    )


def is_past_destruction(state: RequestState) -> bool:
    """Whether the erasure has been carried out in the vault. Of a whole person nobody is then told the subject ids: by
    them the old history could be found for whoever knows the request."""
    return state in (RequestState.DESTROYED, RequestState.ORDERED, RequestState.COMPLETE)


def holders_told(catalogue: Catalogue | None, erased: Sequence[str], *, is_whole: bool) -> tuple[Holder, ...]:
    """The holders that an erasure concerns: all of them, or those that hold one of the erased categories."""
    holders = catalogue.holders.values() if catalogue is not None else ()
    return tuple(
        holder
        for holder in sorted(holders, key=lambda holder: holder.id)
        if is_whole or not holder.categories or not set(holder.categories).isdisjoint(erased)
    )


def noes_to_carry(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The noes that outlive an erasure: all that the person said, and what was carried from an earlier one.

    Whether a yes outranked one of them is not weighed: consent does not outlive the erasure, and without it the no is
    what is left (GDPR art. 21(3); Directive 2002/58/EC art. 13).
    """
    return tuple(
        row
        for row in rows
        if row.first is not None
        and row.voice in ("person", "signal")
        and (row.shape, row.kind)
        in {("no", "consent"), ("no", "preference"), ("no", "suppression"), ("episode", "objection")}
    )


def is_verified_enough(answered: int, required: int) -> bool:
    """Whether a holder's answer is as well known as the catalogue demands. Reports never round up."""
    return answered >= required


def event_id_of(request_id: bytes, step: str, *more: str) -> bytes:
    """The id of the event that tells of a step: the same whenever the step is taken again."""
    return _id(b"erasure step", request_id, step, *more)


def order_id_of(request_id: bytes, holder: str) -> bytes:
    """The id of the one order of a request to a holder."""
    return _id(b"erasure order", request_id, holder)


def _id(domain: bytes, request_id: bytes, *parts: str) -> bytes:
    text = "\x1f".join(parts).encode()
    return hashlib.sha256(b"\0".join((domain, request_id, text))).digest()[:ID_BYTES]
