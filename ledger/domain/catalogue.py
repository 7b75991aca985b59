"""What a controller promised, as data: purposes with their basis, channels, recipients, notices in force.

A catalogue is one JSON document with a canonical form, published as an event. The fold never looks at it;
:func:`ledger.domain.decision.decide` does. Names follow ISO/IEC 27560 and the W3C Data Privacy Vocabulary.
"""

import hashlib
from collections.abc import Container
from enum import Enum
from typing import Final

import msgspec

from ledger.errors import Rejected

CATALOGUE_FORMAT: Final = 1
MAX_PURPOSES: Final = 2_000
MAX_DOCUMENT_BYTES: Final = 512 * 1024

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

    def is_declinable(self, purpose: Purpose) -> bool:
        """Whether a person's no stops this purpose.

        Consent always is (GDPR art. 7(3)), and so is direct marketing (art. 21(3)), whatever its class says.
        """
        return (
            purpose.basis is Basis.CONSENT
            or purpose.direct_marketing
            or self.message_classes[purpose.message_class].declinable
        )


def canonical_document(catalogue: Catalogue) -> str:
    """The catalogue as canonical JSON: sorted keys, no white space. Equal catalogues give equal bytes."""
    return msgspec.json.encode(catalogue, order="sorted").decode()


def document_digest(document: str) -> bytes:
    """SHA-256 over the document's UTF-8 bytes."""
    return hashlib.sha256(document.encode()).digest()


def parse_document(document: str | bytes) -> Catalogue:
    """The catalogue in a JSON document, whole and sound.

    Raises ``Rejected``: ``catalogue_malformed`` (no such JSON, unknown or missing field),
    ``catalogue_unsound`` (a dangling reference, a purpose without what its basis needs),
    ``catalogue_too_large``. Each names the place.
    """
    try:
        encoded = document.encode() if isinstance(document, str) else document
        if len(encoded) > MAX_DOCUMENT_BYTES:
            raise Rejected("catalogue_too_large", f"A catalogue holds at most {MAX_DOCUMENT_BYTES} bytes.")
        catalogue = _decoder.decode(encoded)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Rejected("catalogue_malformed", f"The catalogue cannot be read: {error}.") from error
    findings = unsound_places(catalogue)
    if findings:
        raise Rejected("catalogue_unsound", "The catalogue is unsound: " + "; ".join(findings[:20]) + ".")
    return catalogue


def unsound_places(catalogue: Catalogue) -> list[str]:
    """What would make a decision unsound, one sentence a place; empty for a sound catalogue."""
    findings: list[str] = []
    if catalogue.format != CATALOGUE_FORMAT:
        findings.append(f"format is {catalogue.format}, this version reads {CATALOGUE_FORMAT}")
    if len(catalogue.purposes) > MAX_PURPOSES:
        findings.append(f"there are {len(catalogue.purposes)} purposes, at most {MAX_PURPOSES} can be held")
    for key, purpose in catalogue.purposes.items():
        findings += _unsound_purpose(catalogue, key, purpose)
    for key, notice in catalogue.notices.items():
        findings += _unsound_notice(catalogue, key, notice)
    for kind, entries in (
        ("message_classes", catalogue.message_classes),
        ("recipients", catalogue.recipients),
    ):
        findings += [
            f"{kind}.{key} has the id {entry.id}" for key, entry in entries.items() if entry.id != key
        ]
    return findings


def _unsound_purpose(catalogue: Catalogue, key: str, purpose: Purpose) -> list[str]:
    place = f"purposes.{key}"
    findings = [f"{place} has the id {purpose.id}"] if purpose.id != key else []
    declared: dict[str, Container[str]] = {
        "channels": catalogue.channels,
        "categories": catalogue.categories,
        "groups": catalogue.groups,
        "recipients": catalogue.recipients,
    }
    for field, known in declared.items():
        findings += [
            f"{place}.{field} names {name}, which is not declared"
            for name in getattr(purpose, field)
            if name not in known
        ]
    if purpose.message_class not in catalogue.message_classes:
        findings.append(f"{place}.message_class names {purpose.message_class}, which is not declared")
    if purpose.basis is Basis.LEGITIMATE_INTERESTS and purpose.balancing is None:
        findings.append(f"{place} rests on legitimate interests without a balancing record")
    return findings


def _unsound_notice(catalogue: Catalogue, key: str, notice: Notice) -> list[str]:
    place = f"notices.{key}"
    findings = [f"{place} is called {notice.reference}"] if notice.reference != key else []
    findings += [
        f"{place}.purposes names {name}, which is not declared"
        for name in notice.purposes
        if name not in catalogue.purposes
    ]
    if not notice.texts:
        findings.append(f"{place} has no text")
    for language, text in notice.texts.items():
        if hashlib.sha256(text.text.encode()).hexdigest() != text.sha256:
            findings.append(f"{place}.texts.{language} does not have the content hash that it states")
    if notice.effective_until_ms is not None and notice.effective_until_ms <= notice.effective_from_ms:
        findings.append(f"{place} ends before it begins")
    return findings


_decoder: Final = msgspec.json.Decoder(Catalogue)
