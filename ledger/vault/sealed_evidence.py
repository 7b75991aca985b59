"""Evidence on its way to the vault: sealed to the ledger, so that the topic it travels by tells nothing.

In the form of :mod:`ledger.sealing` (HPKE, RFC 9180); inside lie the subject id, the salt of the commitment and the
evidence.
"""

from typing import Final

import msgspec

from ledger.domain.evidence import SALT_BYTES, Evidence, commitment_of
from ledger.errors import MalformedRecord
from ledger.sealing import open_with, seal_to

__all__ = ["SaltedEvidence", "open_evidence", "seal_evidence"]

_DOMAIN: Final = b"consent-ledger evidence v1"
_SUBJECT_ID_BYTES: Final = 16


class SaltedEvidence(msgspec.Struct, frozen=True, array_like=True):
    """Evidence with all that its commitment is made of, and whose it is."""

    subject_id: bytes
    salt: bytes
    evidence: Evidence

    @property
    def commitment(self) -> bytes:
        return commitment_of(self.salt, self.evidence)


def seal_evidence(public_key: bytes, controller: str, salted: SaltedEvidence) -> bytes:
    """The evidence, readable by the ledger alone and only as one of this controller's. Differs at every call."""
    return seal_to(public_key, msgspec.msgpack.encode(salted), _info(controller))


def open_evidence(sealing_key: bytes, controller: str, subject_id: bytes, sealed: bytes) -> SaltedEvidence:
    """The evidence as it was sealed for this subject. Raises ``MalformedRecord(evidence_unreadable)`` for everything
    else, whoever it was sealed for."""
    opened = open_with(sealing_key, sealed, _info(controller))
    if opened is None:
        raise MalformedRecord("evidence_unreadable")
    try:
        salted = msgspec.msgpack.decode(opened, type=SaltedEvidence)
    except msgspec.MsgspecError as error:
        raise MalformedRecord("evidence_unreadable") from error
    if (
        salted.subject_id != subject_id
        or len(subject_id) != _SUBJECT_ID_BYTES
        or len(salted.salt) != SALT_BYTES
    ):
        raise MalformedRecord("evidence_unreadable")
    return salted


def _info(controller: str) -> bytes:
    return msgspec.msgpack.encode((_DOMAIN, controller))
