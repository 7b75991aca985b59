"""What a catalogue is made of. Whether one is sound, and its document, is in :mod:`ledger.domain.catalogue`."""

from enum import Enum
from typing import Literal

import msgspec

__all__ = [
    "Balancing",
    "Basis",
    "Catalogue",
    "Controller",
    "Hold",
    "Holder",
    "MessageClass",
    "Notice",
    "NoticeText",
    "Purpose",
    "Recipient",
    "Texts",
]

Texts = dict[str, str]
"""Language code (``sv``, ``en``) to text."""


class Basis(str, Enum):
    """The lawful ground of a purpose (GDPR art. 6(1)). One for each purpose."""

    CONSENT = "consent"
    LEGITIMATE_INTERESTS = "legitimate_interests"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"


class Balancing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record in which legitimate interests were weighed against the person's (GDPR art. 6(1)(f))."""

    reference: str
    review_due_ms: int


class MessageClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of use that a person can decline as a whole, or cannot."""

    id: str
    title: Texts
    declinable: bool = True


class Purpose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why data is used: one basis, one message class, the channels, categories and recipients it may involve.

    A purpose without channels is used on none (analysis, say); asking about one that has channels needs a channel.
    """

    id: str
    title: Texts
    basis: Basis
    message_class: str
    direct_marketing: bool = False
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    balancing: Balancing | None = None
    existing_customer_required: bool = False


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An outside party that may receive data for the purposes that name it (GDPR art. 13(1)(e))."""

    id: str
    title: Texts
    task: Texts
    country: str


class Holder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic, store or outside recipient that holds personal data, and how it is made to forget (GDPR art. 17, 19).

    ``identifiers``: by what the person is found there. ``categories`` empty: it holds all of them. ``verification``:
    how well an erasure must be known, 0 sent, 1 acknowledged, 2 evidence, 3 an independent scan, 4 a canary.
    ``topic``: the compacted topic of a holder that is one, keyed by subject id.
    """

    id: str
    title: Texts
    kind: Literal["topic", "store", "recipient"]
    method: Literal["order", "tombstone", "both"]
    identifiers: tuple[Literal["subject_id", "email", "phone", "account"], ...]
    categories: tuple[str, ...] = ()
    deadline_days: int
    verification: int = 1
    topic: str | None = None
    recipient: str | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason to keep categories through an erasure, with an end (GDPR art. 17(3)). ``source`` is the legal rule.

    Counts from the day that the controller states for a person (``applies`` is ``stated``), or for everybody from
    the request (``always``): ``years`` and ``months``, then to the end of that calendar year if ``until_year_end``.
    ``purposes``: the only ones that may use what is held.
    """

    id: str
    title: Texts
    source: str
    categories: tuple[str, ...]
    purposes: tuple[str, ...] = ()
    years: int = 0
    months: int = 0
    until_year_end: bool = False
    applies: Literal["always", "stated"] = "stated"


class NoticeText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One language of a notice: its exact text and the SHA-256 (hex) of that text in UTF-8."""

    sha256: str
    text: str


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exact text shown, by version. ``purposes`` are those that it informs about."""

    id: str
    version: int
    purposes: tuple[str, ...]
    texts: dict[str, NoticeText]
    effective_from_ms: int
    effective_until_ms: int | None = None

    @property
    def reference(self) -> str:
        """``signup@3``: how acts name this notice."""
        return f"{self.id}@{self.version}"


class Controller(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The organisation whose ledger it is, and how a person reaches it (GDPR art. 13(1)(a))."""

    name: str
    title: str
    contact: str
    languages: tuple[str, ...]


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a controller's promises. Build it with :func:`parse_document`, which checks it."""

    format: int
    version: int
    controller: Controller
    channels: dict[str, Texts]
    categories: dict[str, Texts]
    message_classes: dict[str, MessageClass]
    purposes: dict[str, Purpose]
    recipients: dict[str, Recipient] = {}
    groups: dict[str, Texts] = {}
    notices: dict[str, Notice] = {}
    holders: dict[str, Holder] = {}
    holds: dict[str, Hold] = {}

    def is_declinable(self, purpose: Purpose) -> bool:
        """Whether a person's no stops this purpose.

        Consent always is (GDPR art. 7(3)), and so is direct marketing (art. 21(3)), whatever its class says.
        """
        return (
            purpose.basis is Basis.CONSENT
            or purpose.direct_marketing
            or self.message_classes[purpose.message_class].declinable
        )
