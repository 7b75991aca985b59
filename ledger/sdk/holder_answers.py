"""What a holder's function gets and returns: the person to erase, and what became of it."""

import hashlib
from typing import Final

import msgspec

from ledger.domain.identifiers import Identifier, IdentifierKind, is_id
from ledger.domain.orders import ErasureAcknowledgement, ErasureOrder, OrderContents
from ledger.errors import ConfigurationError
from ledger.order_security import UNSIGNED, signed, verify_key_of
from ledger.sdk.holder_keys import HolderKeys
from ledger.sdk.people import SubjectId
from ledger.sealing import key_id

__all__ = ["Answer", "Erased", "NothingHeld", "PersonToErase", "Refused", "acknowledgement_of", "person_of"]

MAX_COUNT: Final = 2**63 - 1


class PersonToErase(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be erased, as the catalogue says that this holder finds people. Its ``repr`` shows nobody.

    ``categories`` empty: everything. ``issued_at`` and ``due_at`` are milliseconds; ``attempt`` counts the ledger's
    sendings.
    """

    subject_ids: tuple[SubjectId, ...]
    identifiers: tuple[Identifier, ...]
    categories: tuple[str, ...]
    order_id: bytes
    request_id: bytes
    issued_at: int
    due_at: int
    attempt: int

    def __repr__(self) -> str:
        return f"<person to erase by order {self.order_id.hex()}>"

    @property
    def emails(self) -> tuple[str, ...]:
        """E-mail addresses in the form in which the ledger compares them (docs/identifiers.md)."""
        return self._values(IdentifierKind.EMAIL)

    @property
    def phones(self) -> tuple[str, ...]:
        """Phone numbers in E.164."""
        return self._values(IdentifierKind.PHONE)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The controller's own names for the person."""
        return self._values(IdentifierKind.ACCOUNT)

    def _values(self, kind: IdentifierKind) -> tuple[str, ...]:
        return tuple(who.value for who in self.identifiers if who.kind is kind)


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """Erased ``found`` records; ``left`` of them could not be, which keeps the request open.

    ``evidence``: whatever proves it to an auditor, such as ``b"DELETE 3"``. Keep it yourselves; only its SHA-256
    travels. Where the catalogue demands verification 2 or more, an answer without it does not do.
    """

    found: int
    left: int = 0
    evidence: bytes | None = None


class NothingHeld(msgspec.Struct, frozen=True, kw_only=True):
    """The person was not found here; ``evidence`` as for :class:`Erased`."""

    evidence: bytes | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The holder may not erase; ``reason`` is an id such as ``legal_claim`` (GDPR art. 17(3)), never free text."""

    reason: str
    found: int = 0


Answer = Erased | NothingHeld | Refused


def person_of(order: ErasureOrder, contents: OrderContents) -> PersonToErase:
    """The person of an opened order."""
    return PersonToErase(
        subject_ids=tuple(SubjectId(subject_id) for subject_id in contents.subject_ids),
        identifiers=contents.identifiers,
        categories=order.categories,
        order_id=order.order_id,
        request_id=order.request_id,
        issued_at=order.issued_at,
        due_at=order.due_at,
        attempt=order.attempt,
    )


def acknowledgement_of(
    order: ErasureOrder, answer: object, keys: HolderKeys, done_at: int
) -> ErasureAcknowledgement:
    """The signed acknowledgement of an answer. Raises ``ConfigurationError(holder_answer_invalid)``."""
    outcome, found, left, evidence, detail = _told(answer)
    message = ErasureAcknowledgement(
        order_id=order.order_id,
        request_id=order.request_id,
        controller=order.controller,
        holder=order.holder,
        outcome=outcome,
        done_at=done_at,
        found=found,
        left=left,
        key_id=key_id(verify_key_of(keys.signing_key)),
        signature=UNSIGNED,
        evidence_digest=None if evidence is None else hashlib.sha256(evidence).digest(),
        detail=detail,
    )
    return signed(message, keys.signing_key)


def _told(answer: object) -> tuple[str, int, int, bytes | None, str | None]:
    """Outcome, found, left, evidence and detail, all of which can be written."""
    found, left = getattr(answer, "found", 0), getattr(answer, "left", 0)
    evidence, reason = getattr(answer, "evidence", None), getattr(answer, "reason", None)
    for count in (found, left):
        if type(count) is not int or not 0 <= count <= MAX_COUNT:
            raise _invalid("A count is no whole number from 0 on.")
    if not (evidence is None or isinstance(evidence, bytes)):
        raise _invalid("The evidence is not bytes.")
    if isinstance(answer, Erased):
        return "erased", found, left, evidence, None
    if isinstance(answer, NothingHeld):
        return "nothing_held", 0, 0, evidence, None
    if not isinstance(answer, Refused):
        raise _invalid(f"It returned {type(answer).__name__}.")
    if not isinstance(reason, str) or not is_id(reason):
        raise _invalid("The reason is no id.")
    return "refused", found, found, None, reason


def _invalid(detail: str) -> ConfigurationError:
    return ConfigurationError("holder_answer_invalid", detail)
