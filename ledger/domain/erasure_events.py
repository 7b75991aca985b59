"""What becomes of a request to be forgotten, as events of the person's own log.

They name a random subject id, a request and categories, never who it is: after the erasure they are about nobody.
The request they belong to is ``envelope.request_id``. What each step means: :mod:`ledger.domain.rights_requests`.
"""

import msgspec

from ledger.domain.envelope import Envelope, Scope

__all__ = [
    "ErasureAdvanced",
    "ErasureCarried",
    "ErasureRequested",
    "HeldCategory",
    "IdentifierLinked",
    "StatedHold",
    "SubjectBlocked",
    "SubjectErased",
    "SuppressionCarried",
]


class StatedHold(msgspec.Struct, frozen=True, kw_only=True):
    """Since when a hold of the catalogue applies to this person, as the controller says (GDPR art. 17(3))."""

    hold: str
    since_ms: int


class ErasureRequested(msgspec.Struct, frozen=True, kw_only=True):
    """The person asks to be erased (GDPR art. 17(1)), of these categories or, if none is named, altogether.

    ``due_at``: the day by which the person must have an answer (art. 12(3)).
    """

    envelope: Envelope
    due_at: int
    categories: tuple[str, ...] = ()
    holds: tuple[StatedHold, ...] = ()


class SubjectBlocked(msgspec.Struct, frozen=True, kw_only=True):
    """From here on nothing is allowed with these categories, or, if none is named, with anything about the subject."""

    envelope: Envelope
    categories: tuple[str, ...] = ()


class HeldCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A category that is kept until a date because the law says so (GDPR art. 17(3))."""

    hold: str
    category: str
    until_ms: int


class SubjectErased(msgspec.Struct, frozen=True, kw_only=True):
    """These categories were erased (GDPR art. 17(1)); if none is named, the vault has forgotten who this is."""

    envelope: Envelope
    categories: tuple[str, ...] = ()
    held: tuple[HeldCategory, ...] = ()


class ErasureAdvanced(msgspec.Struct, frozen=True, kw_only=True):
    """A request took a step (GDPR art. 12(3), 17, 19). Decides nothing by itself.

    ``step``: identified, assessed, settled, ordered, acknowledged, verified, complete, refused, extended, overdue.
    """

    envelope: Envelope
    step: str
    holder: str | None = None
    order_id: bytes | None = None
    outcome: str | None = None
    verification: int | None = None
    until_ms: int | None = None


class SuppressionCarried(msgspec.Struct, frozen=True, kw_only=True):
    """A no that the person had said before being erased, tied to the id under which they came back.

    Keeps the rank that it had (GDPR art. 21(3) binds beyond an erasure); yields to a verified yes only.
    """

    envelope: Envelope
    scope: Scope
    rank_ms: int
    rank_seq: int
    topic: str | None = None
    message_class: str | None = None


class ErasureCarried(msgspec.Struct, frozen=True, kw_only=True):
    """The person was erased before: what a file says of an earlier time does not bring them back (GDPR art. 17(1))."""

    envelope: Envelope
    erased_before_ms: int


class IdentifierLinked(msgspec.Struct, frozen=True, kw_only=True):
    """Two subject ids are one person, after a verified act. One record for each of the two, with one link id."""

    envelope: Envelope
    link_id: bytes
    other_subject_id: bytes
    verified: bool
