"""Whether a decoded event may be applied: a producer with direct access to the log is bound by nothing else.

Every reason is an error code; the record then opens a quarantine entry, its subject is denied, and the rest of the
partition goes on. Times of day are not judged here: the fold has no clock, and ranks bound what a wrong one can do.
"""

import re
from functools import lru_cache
from typing import Final

from ledger.domain.erasure_rows import ErasureEvent
from ledger.domain.events import (
    CataloguePublished,
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    ErasureAcknowledgement,
    ErasureAdvanced,
    ErasureOrder,
    ErasureRequested,
    Event,
    Lane,
    LogGenesis,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    QuarantineAdmitted,
    QuarantineDiscarded,
    Scope,
    SubjectBlocked,
    SubjectErased,
    SuppressionCarried,
)
from ledger.domain.identifiers import is_id, is_notice_ref, screen

__all__ = ["catalogue_reason", "envelope_reason", "is_allowed_in", "subject_event_reason"]

IDENTIFIER_IN_FIELD: Final = "identifier_in_field"
EVENT_INVALID: Final = "event_invalid"

# Twice an offset is half of a rank, and a rank must fit in a bigint.
MAX_OFFSET: Final = 2**62 - 1
MAX_VERSION: Final = 2**31 - 1
DIRECTIONS: Final = frozenset({"in", "out"})
# BCP 47, the shapes in use: language, with script or region.
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


def is_allowed_in(lane: Lane, event: Event) -> bool:
    """Whether this type of event belongs on this lane. A genesis stands at offset 0 alone, so it never does.

    What an import brings are acts of people; what is done about a person, and about records, goes through live.
    """
    if isinstance(event, LogGenesis | ErasureOrder | ErasureAcknowledgement):
        return False
    if lane is Lane.BACKFILL and isinstance(event, ErasureEvent | QuarantineAdmitted | QuarantineDiscarded):
        return False
    return isinstance(event, CataloguePublished) is (lane is Lane.CATALOGUE)


def envelope_reason(envelope: Envelope, controller: str) -> str | None:
    """Why no event with this envelope can be applied to the log of ``controller``, or None."""
    if envelope.controller != controller:
        return "foreign_controller"
    if envelope.origin_stamp is not None:
        # Its rank would have to be checked against the sealed leaf of the log it came from (races.md, D31).
        return "unsupported_origin_stamp"
    seen = envelope.seen
    if seen is not None and not 0 <= seen.next_offset <= MAX_OFFSET:
        return EVENT_INVALID
    return _id_reason(envelope.source)


def subject_event_reason(event: Event) -> str | None:
    """Why the body of a subject's event cannot be applied, or None."""
    if isinstance(event, NoticeServed):
        return _notice_reason(event.notice) or (_language_reason(event.language) if event.language else None)
    if isinstance(event, ErasureEvent):
        return _erasure_reason(event)
    if isinstance(event, QuarantineAdmitted | QuarantineDiscarded):
        return _id_reason(event.author) or _id_reason(event.reason)
    if not isinstance(
        event, ConsentGiven | ConsentRefused | ConsentWithdrawn | PreferenceSet | ObjectionRaised
    ):
        return "event_not_allowed_here"
    reason = _scope_reason(event.scope)
    if reason is not None or isinstance(event, ObjectionRaised):
        return reason
    if isinstance(event, PreferenceSet):
        if event.direction not in DIRECTIONS:
            return EVENT_INVALID
        return _optional_id_reason(event.topic) or _optional_id_reason(event.message_class)
    if event.notice is not None and (reason := _notice_reason(event.notice)) is not None:
        return reason
    return _optional_id_reason(event.capture_point) if isinstance(event, ConsentGiven) else None


def _erasure_reason(event: ErasureEvent) -> str | None:
    match event:
        case ErasureRequested() | SubjectBlocked() | SubjectErased():
            if event.envelope.request_id is None:
                return EVENT_INVALID
            names = event.categories
            if isinstance(event, ErasureRequested):
                names += tuple(stated.hold for stated in event.holds)
            if isinstance(event, SubjectErased):
                names += tuple(name for held in event.held for name in (held.hold, held.category))
            return _scope_reason_of(*names)
        case ErasureAdvanced():
            if event.envelope.request_id is None:
                return EVENT_INVALID
            return _scope_reason_of(event.holder, event.outcome)
        case SuppressionCarried():
            return _scope_reason(event.scope) or _scope_reason_of(event.topic, event.message_class)
        case _:
            return None


def catalogue_reason(event: CataloguePublished, document_digest: bytes) -> str | None:
    """Why this version of a catalogue cannot be taken, or None. What is in the document is the readers' to judge."""
    if not 1 <= event.version <= MAX_VERSION or event.digest != document_digest or "\x00" in event.document:
        return EVENT_INVALID
    return None


def _scope_reason(scope: Scope) -> str | None:
    return _scope_reason_of(
        scope.purpose, scope.purpose_group, scope.channel, scope.recipient, scope.item, scope.category
    )


# Vocabularies are small: a few thousand strings make up millions of records.
@lru_cache(maxsize=65_536)
def _scope_reason_of(*names: str | None) -> str | None:
    for name in names:
        if name is not None and (reason := _id_reason(name)) is not None:
            return reason
    return None


@lru_cache(maxsize=65_536)
def _id_reason(text: str) -> str | None:
    return _text_reason(text, is_id(text))


@lru_cache(maxsize=65_536)
def _notice_reason(text: str) -> str | None:
    return _text_reason(text, is_notice_ref(text))


def _optional_id_reason(text: str | None) -> str | None:
    return None if text is None else _id_reason(text)


@lru_cache(maxsize=4_096)
def _language_reason(text: str) -> str | None:
    return _text_reason(text, _LANGUAGE.fullmatch(text) is not None)


def _text_reason(text: str, has_syntax: bool) -> str | None:
    # Screened first, so that the operator learns that a personal value is on the log.
    if screen(text) is not None:
        return IDENTIFIER_IN_FIELD
    return None if has_syntax else EVENT_INVALID
