"""A person's request to be erased, as values: what is asked, and how far it has come."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from ledger.domain.moments import moment_ms, moment_text
from ledger.domain.request_terms import IDENTITIES, since_ms
from ledger.errors import Rejected
from ledger.sdk.people import Person, checked_person, subject_form

__all__ = [
    "ErasureTerms",
    "Held",
    "HolderProgress",
    "RequestStep",
    "RequestsPage",
    "RightsRequest",
    "body_of_terms",
    "erasure_terms",
    "request_id_in",
]

REQUEST_ID_BYTES: Final = 16


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A category that is kept through the erasure: by which hold of the catalogue, and until when (RFC 3339)."""

    hold: str
    category: str
    until: str


class HolderProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One holder of the person's data. ``state``: pending, sent, acknowledged, verified or refused."""

    holder: str
    order_id: str
    method: str
    state: str
    attempts: int = 0
    due_at: str | None = None
    sent_at: str | None = None
    answered_at: str | None = None
    outcome: str | None = None
    detail: str | None = None
    verification: int = 0
    required_verification: int = 0
    overdue: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether the holder was told and has not answered."""
        return self.state in ("pending", "sent")


class RequestStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was taken, and when (RFC 3339)."""

    step: str
    at: str


class RightsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A person's request, as it stood when it was asked for; ask again with ``ledger.rights_request(request_id)``.

    ``state``: requested, identified, assessed, blocked, settled, destroyed, ordered, complete or refused. ``due_at``:
    by when the person must have an answer (GDPR art. 12(3)). ``held`` is kept until its date; ``resumes_at`` is when
    the erasure goes on with it by itself. ``waits_for``: what the next step waits for. Times are RFC 3339.
    """

    request_id: str
    kind: str
    state: str
    identity: str
    received_at: str
    due_at: str
    subject_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    erased_categories: tuple[str, ...] | None = None
    held: tuple[Held, ...] = ()
    extended: bool = False
    overdue: bool = False
    refusal: str | None = None
    resumes_at: str | None = None
    completed_at: str | None = None
    waits_for: str | None = None
    holders: tuple[HolderProgress, ...] = ()
    steps: tuple[RequestStep, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every holder has answered as well as the catalogue demands. What is held is still kept."""
        return self.state == "complete"

    @property
    def is_refused(self) -> bool:
        return self.state == "refused"

    @property
    def silent_holders(self) -> tuple[str, ...]:
        """The holders that were told and have not answered."""
        return tuple(holder.holder for holder in self.holders if holder.is_silent)


class RequestsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Requests newest first; pass ``next_cursor`` to go on, None at the end."""

    requests: tuple[RightsRequest, ...] = ()
    next_cursor: str | None = None


class ErasureTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. ``holds``: since when each applies to the person, in ms; ``received_ms`` None is now."""

    person: Person
    request_id: bytes
    categories: tuple[str, ...]
    proven: bool
    holds: dict[str, int]
    received_ms: int | None


def erasure_terms(
    person: Person,
    categories: Iterable[str],
    identity: str,
    holds: Mapping[str, datetime | date | str] | None,
    request_id: str | None,
    received_at: datetime | str | None,
) -> ErasureTerms:
    """The terms of a call, checked before anything leaves; raises ``Rejected``. The id is drawn where left out."""
    if isinstance(categories, str):
        raise Rejected("field_wrong_type", "categories is a list of ids, not a text.", field="categories")
    if identity not in IDENTITIES:
        raise Rejected("field_wrong_type", f"identity is one of {', '.join(IDENTITIES)}.", field="identity")
    return ErasureTerms(
        person=checked_person(person),
        request_id=secrets.token_bytes(REQUEST_ID_BYTES) if request_id is None else request_id_in(request_id),
        categories=tuple(sorted(set(categories))),
        proven=identity == "proven",
        holds={hold: since_ms(since, "holds") for hold, since in (holds or {}).items()},
        received_ms=None if received_at is None else moment_ms(received_at, "received_at"),
    )


def body_of_terms(terms: ErasureTerms) -> dict[str, object]:
    """The body of ``POST /v1/rights-requests``."""
    return {
        "subject": subject_form(terms.person),
        "request_id": terms.request_id.hex(),
        "kind": "erasure",
        "categories": terms.categories,
        "identity": "proven" if terms.proven else "unproven",
        "holds": {hold: moment_text(since) for hold, since in terms.holds.items()},
        "received_at": None if terms.received_ms is None else moment_text(terms.received_ms),
    }


def request_id_in(text: object) -> bytes:
    """The 16 bytes of a request's id; raises ``Rejected(request_id_malformed)``."""
    if isinstance(text, str) and len(text) == 2 * REQUEST_ID_BYTES and text.isascii() and text.isalnum():
        try:
            return bytes.fromhex(text)
        except ValueError:
            # Not the cause: it would show a part of what was given.
            pass
    raise Rejected("request_id_malformed")
