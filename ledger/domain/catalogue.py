"""What a controller promised, as data: purposes with their basis, channels, recipients, notices in force.

A catalogue is one JSON document with a canonical form, published as an event. The fold never looks at it;
:func:`ledger.domain.decision.decide` does. Names follow ISO/IEC 27560 and the W3C Data Privacy Vocabulary.
"""

import hashlib
import re
from collections.abc import Container
from typing import Final

import msgspec

from ledger.domain.catalogue_types import (
    Balancing,
    Basis,
    Catalogue,
    Controller,
    Hold,
    Holder,
    MessageClass,
    Notice,
    NoticeText,
    Purpose,
    Recipient,
    Texts,
)
from ledger.errors import Rejected

__all__ = [
    "CATALOGUE_FORMAT",
    "MAX_DOCUMENT_BYTES",
    "MAX_PURPOSES",
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
    "canonical_document",
    "document_digest",
    "parse_document",
    "unsound_places",
]

CATALOGUE_FORMAT: Final = 1
MAX_PURPOSES: Final = 2_000
MAX_DOCUMENT_BYTES: Final = 512 * 1024

MAX_DEADLINE_DAYS: Final = 30
"""A holder must have answered before the person is owed an answer: one month (GDPR art. 12(3))."""
SCANNED: Final = 3
MAX_VERIFICATION: Final = 3
"""Level 4, a canary that proved the path within a day, is not built: a catalogue may not ask for it."""
MAX_HOLD_YEARS: Final = 100

# Tombstones are written into a holder's topic: the ledger's own must never be among them.
_HOLDER_TOPIC: Final = re.compile(r"(?!ledger\.|\.{1,2}$)[A-Za-z0-9._-]{1,249}")

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
    for key, holder in catalogue.holders.items():
        findings += _unsound_holder(catalogue, key, holder)
    for key, hold in catalogue.holds.items():
        findings += _unsound_hold(catalogue, key, hold)
    for kind, entries in (
        ("message_classes", catalogue.message_classes),
        ("recipients", catalogue.recipients),
        ("holders", catalogue.holders),
        ("holds", catalogue.holds),
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


def _unsound_holder(catalogue: Catalogue, key: str, holder: Holder) -> list[str]:
    place = f"holders.{key}"
    findings = _undeclared(f"{place}.categories", holder.categories, catalogue.categories)
    if holder.recipient is not None:
        findings += _undeclared(f"{place}.recipient", (holder.recipient,), catalogue.recipients)
    if not holder.identifiers:
        findings.append(f"{place} does not say by what a person is found there")
    if not 0 < holder.deadline_days <= MAX_DEADLINE_DAYS:
        findings.append(f"{place}.deadline_days is {holder.deadline_days}, not 1 to {MAX_DEADLINE_DAYS}")
    if not 0 <= holder.verification <= MAX_VERIFICATION:
        findings.append(f"{place}.verification is {holder.verification}, not 0 to {MAX_VERIFICATION}")
    findings += _unsound_kind(place, holder)
    if holder.method != "order":
        if holder.topic is None:
            findings.append(f"{place} is to get tombstones, but names no topic")
        if "subject_id" not in holder.identifiers:
            findings.append(f"{place} is to get tombstones, but is not found by subject_id")
    if holder.verification >= SCANNED and holder.topic is None:
        findings.append(f"{place}.verification asks for a scan, but it names no topic to scan")
    return findings


def _unsound_kind(place: str, holder: Holder) -> list[str]:
    findings = []
    for kind, named in (("topic", holder.topic), ("recipient", holder.recipient)):
        if holder.kind == kind and named is None:
            findings.append(f"{place} is a {kind}, but does not name it")
        if holder.kind != kind and named is not None:
            findings.append(f"{place} is a {holder.kind}, but names a {kind}")
    if holder.topic is not None and not _HOLDER_TOPIC.fullmatch(holder.topic):
        findings.append(f"{place}.topic is no topic name, or one of the ledger's own")
    return findings


def _unsound_hold(catalogue: Catalogue, key: str, hold: Hold) -> list[str]:
    place = f"holds.{key}"
    findings = _undeclared(f"{place}.categories", hold.categories, catalogue.categories)
    findings += _undeclared(f"{place}.purposes", hold.purposes, catalogue.purposes)
    if not hold.categories:
        findings.append(f"{place} names no category")
    if hold.years < 0 or hold.months < 0 or (hold.years, hold.months) == (0, 0) and not hold.until_year_end:
        findings.append(f"{place} has no end")
    if hold.years > MAX_HOLD_YEARS or hold.months > 12 * MAX_HOLD_YEARS:
        findings.append(f"{place} keeps for longer than {MAX_HOLD_YEARS} years")
    return findings


def _undeclared(place: str, names: tuple[str, ...], known: Container[str]) -> list[str]:
    return [f"{place} names {name}, which is not declared" for name in names if name not in known]


_decoder: Final = msgspec.json.Decoder(Catalogue)
