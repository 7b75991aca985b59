"""What the idempotency key of a request stands for, and so what of the request is recorded, under which ids."""

import re
import secrets
from collections.abc import Sequence
from typing import Final

from ledger.api import protective
from ledger.api.acts import Submission
from ledger.api.calls import Call
from ledger.api.protective import Entry
from ledger.api.taken import Place, Taken
from ledger.domain.catalogue import Catalogue
from ledger.errors import Conflict, FieldReport, Rejected
from ledger.vault.intake_keys import Claim, ClaimOutcome

__all__ = ["check_key", "claimed"]

ACT_ID_BYTES: Final = 16
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_REUSED: Final = FieldReport("idempotency_key", "idempotency_key_reused")


def check_key(key: str | None) -> None:
    """Returns for a key that can be used, or none; raises ``Rejected(idempotency_key_malformed)``."""
    if key is not None and _KEY.fullmatch(key) is None:
        raise Rejected("idempotency_key_malformed", field="idempotency_key")


async def claimed(
    call: Call,
    submission: Submission,
    place: Place,
    catalogue: Catalogue | None,
    entries: tuple[Entry, ...],
) -> Taken:
    """What is recorded of the judged ``entries``; the key stands for it from now on.

    Raises the first refusal, or ``Conflict(idempotency_key_reused)``, when nothing can be recorded; no key is
    claimed by a request of which nothing is recorded, so that it may be mended and sent again under the same key.
    """
    act_id = secrets.token_bytes(ACT_ID_BYTES)
    if call.idempotency_key is None:
        to_record = protective.recordable(entries)
        return Taken(submission, place, catalogue, entries, to_record, act_id, None, ())
    before = await _recorded_before(call, submission, place, entries)
    if before is not None:
        return Taken(submission, place, catalogue, entries, entries, before.act_id, before, _reports(before))
    protective.recordable(entries)
    only_noes = all(entry.is_protective for entry in entries)
    claim = await _claim(call, submission, place, act_id, protective=only_noes)
    if claim.outcome is ClaimOutcome.OTHER_CONTENT:
        # Under a used key the noes are recorded, with ids of their own, and the yeses refused.
        reused = Conflict("idempotency_key_reused", field="idempotency_key")
        entries = protective.without_yeses(entries, reused)
        protective.recordable(entries)
        claim = await _claim(call, submission, place, act_id, protective=True)
    to_record = protective.recordable(entries)
    return Taken(submission, place, catalogue, entries, to_record, claim.act_id, claim, _reports(claim))


def _reports(claim: Claim) -> tuple[FieldReport, ...]:
    return (_REUSED,) if claim.reused_key else ()


async def _recorded_before(
    call: Call, submission: Submission, place: Place, entries: Sequence[Entry]
) -> Claim | None:
    """The claim of an act that was wholly recorded under this key and would be refused today.

    The catalogue may have changed since, or a time have passed: what was recorded is still answered as such.
    """
    if all(entry.refusal is None for entry in entries):
        return None
    found = await call.services.intake_keys.find(
        controller_id=place.controller_id,
        source=call.caller.source,
        key=call.idempotency_key or "",
        content=submission.content,
        subject_id=place.subject_id,
    )
    return found if found is not None and found.position is not None else None


async def _claim(
    call: Call, submission: Submission, place: Place, act_id: bytes, *, protective: bool
) -> Claim:
    return await call.services.intake_keys.claim(
        controller_id=place.controller_id,
        source=call.caller.source,
        key=call.idempotency_key or "",
        content=submission.content,
        protective=protective,
        act_id=act_id,
        subject_id=place.subject_id,
    )
