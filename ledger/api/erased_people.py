"""What may not bring back a person who was erased: a yes that says to be older, and one that a list brings."""

import msgspec

from ledger.api.acts import Submission
from ledger.api.calls import Call
from ledger.api.protective import Entry
from ledger.domain.carrying import is_overtaken
from ledger.domain.events import Capture
from ledger.errors import Conflict

__all__ = ["without_old_yeses"]


async def without_old_yeses(
    call: Call, submission: Submission, entries: tuple[Entry, ...]
) -> tuple[Entry, ...]:
    """The entries, with every yes refused (``erased_before``) that an erasure of the person has overtaken.

    That is one that takes effect before the erasure, and one that came with an import and that nobody proved
    (races.md, D5; the read side masks them as well). A no is taken whenever it was said. Asks the vault only where
    the request says one of the two.
    """
    capture, effective_from = submission.capture, submission.effective_from
    is_plain = capture is not Capture.IMPORT and effective_from is None
    if is_plain or all(entry.is_protective for entry in entries):
        return entries
    erased_ms = await call.services.people.erased_before(call.caller, submission.who)

    def judged(entry: Entry) -> Entry:
        act = entry.act
        if act is None or not act.is_yes or entry.refusal is not None:
            return entry
        if not is_overtaken(erased_ms, capture, effective_from, verified=act.verified):
            return entry
        return msgspec.structs.replace(entry, refusal=Conflict("erased_before"))

    return tuple(map(judged, entries))
