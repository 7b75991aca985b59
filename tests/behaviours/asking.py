"""What the suite's modules share: questions, and the id that the ledger knows somebody by."""

import asyncio
import time
from collections.abc import Callable

from ledger.sdk import Ask, Ledger, Person, RightsRequest

__all__ = ["ask", "blocked", "erased", "known_as"]

ERASURE_SECONDS = 60.0
"""After which a test gives up; nothing is asserted to be fast."""


def ask(person: Person, purpose: str, channel: str | None = None) -> Ask:
    """One question of ``check_many``."""
    return Ask(person, purpose, channel)


async def known_as(ledger: Ledger, person: Person) -> str:
    """The person's subject id, once something about them has been folded."""
    standing = await ledger.standing(person)
    assert standing.subject_id is not None
    return standing.subject_id


async def erased(ledger: Ledger, request: RightsRequest) -> RightsRequest:
    """The request once it is complete: the waits of an erasure, the fold and the holders take their time."""
    return await _until(ledger, request, lambda one: one.is_complete)


async def blocked(ledger: Ledger, request: RightsRequest) -> RightsRequest:
    """The request once nothing is allowed with the person any more, and before the person is forgotten."""
    # The state is the vault's; what readers see is on the log once nothing but caches is waited for.
    found = await _until(ledger, request, lambda one: one.waits_for == "caches_and_appends")
    assert found.state == "blocked", found
    return found


async def _until(
    ledger: Ledger, request: RightsRequest, holds: Callable[[RightsRequest], bool]
) -> RightsRequest:
    give_up_at = time.monotonic() + ERASURE_SECONDS
    while not holds(request):
        assert not request.is_refused, request
        assert time.monotonic() < give_up_at, request
        await asyncio.sleep(0.2)
        request = await ledger.rights_request(request.request_id)
    return request
