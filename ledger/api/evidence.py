"""The evidence of an act: sealed, on its way to the vault and acknowledged before the event that names it.

So an event never names what nobody has; what no event came to name goes with the person (races.md, D29). The log being
away for the evidence refuses a yes, which can be tried again, and never a no, which is recorded without it.
"""

import os

from ledger.api.calls import Call
from ledger.api.taken import Taken
from ledger.domain.evidence import EVIDENCE_NOT_KEPT, SALT_BYTES
from ledger.errors import LedgerError, Unavailable
from ledger.vault.sealed_evidence import SaltedEvidence, seal_evidence

__all__ = ["with_evidence", "without_evidence"]


async def with_evidence(call: Call, taken: Taken) -> Taken:
    """What was taken, with the commitment that its events bear; with ``evidence_failure`` when the evidence could
    not be appended, whatever the reason. Raises that failure itself where there is no no to be recorded."""
    evidence = taken.submission.evidence
    if evidence is None:
        return taken
    place, salt = taken.place, os.urandom(SALT_BYTES)
    salted = SaltedEvidence(place.subject_id, salt, evidence)
    sealed = seal_evidence(call.services.evidence_key, call.caller.controller, salted)
    try:
        await call.services.writer.append_evidence(place.log, place.subject_id, sealed)
    except LedgerError as error:
        failure = Unavailable("log_unavailable", "The evidence of the act was not acknowledged.")
        if not any(entry.is_protective for entry in taken.to_record):
            raise failure from error
        return without_evidence(taken)._replace(evidence_failure=failure)
    return taken._replace(commitment=salted.commitment)


def without_evidence(taken: Taken) -> Taken:
    """What was taken, and that its evidence is not kept: the vault keeps none for a person under erasure."""
    if taken.submission.evidence is None:
        return taken
    return taken._replace(reports=(*taken.reports, EVIDENCE_NOT_KEPT))
