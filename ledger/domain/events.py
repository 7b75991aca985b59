"""What a person or a controller did, as immutable records: the event types of the log.

Field by field the same as ``schemas/avro``; the codec translates between the two. No type here has room for a
personal value or free text: the log is kept for ever, and only the vault can tell who a subject id is.
"""

import hashlib
from typing import Final

import msgspec

from ledger.domain.envelope import (
    GENESIS_KEY,
    SUBJECT_ID_BYTES,
    Capture,
    Coordinates,
    Envelope,
    Lane,
    Origin,
    OriginStamp,
    RanksBelow,
    Scope,
    Seen,
    Voice,
)
from ledger.domain.erasure_events import (
    ErasureAdvanced,
    ErasureCarried,
    ErasureRequested,
    HeldCategory,
    IdentifierLinked,
    StatedHold,
    SubjectBlocked,
    SubjectErased,
    SuppressionCarried,
)
from ledger.domain.orders import ErasureAcknowledgement, ErasureOrder
from ledger.domain.quarantine_events import QuarantineAdmitted, QuarantineDiscarded, RecordPlace

__all__ = [
    "EVENT_TYPES",
    "GENESIS_KEY",
    "SUBJECT_EVENT_TYPES",
    "SUBJECT_ID_BYTES",
    "Capture",
    "CataloguePublished",
    "ConsentGiven",
    "ConsentRefused",
    "ConsentWithdrawn",
    "Coordinates",
    "Envelope",
    "ErasureAcknowledgement",
    "ErasureAdvanced",
    "ErasureCarried",
    "ErasureOrder",
    "ErasureRequested",
    "Event",
    "HeldCategory",
    "IdentifierLinked",
    "Lane",
    "LogGenesis",
    "NoticeServed",
    "ObjectionRaised",
    "Origin",
    "OriginStamp",
    "PreferenceSet",
    "QuarantineAdmitted",
    "QuarantineDiscarded",
    "RanksBelow",
    "RecordPlace",
    "Scope",
    "Seen",
    "StatedHold",
    "SubjectBlocked",
    "SubjectErased",
    "SubjectEvent",
    "SuppressionCarried",
    "Voice",
    "content_digest",
    "is_protective",
]


class ConsentGiven(msgspec.Struct, frozen=True, kw_only=True):
    """The person agrees to one purpose (GDPR art. 4(11), 6(1)(a), 7)."""

    envelope: Envelope
    scope: Scope
    notice: str
    expires_at: int | None = None
    confirms: bytes | None = None
    verified: bool = False
    capture_point: str | None = None


class ConsentRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The person was asked and said no (GDPR art. 7(4): a refusal is without detriment)."""

    envelope: Envelope
    scope: Scope
    notice: str | None = None


class ConsentWithdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """The person takes consent back; what was done before stays lawful (GDPR art. 7(3))."""

    envelope: Envelope
    scope: Scope
    notice: str | None = None


class PreferenceSet(msgspec.Struct, frozen=True, kw_only=True):
    """The person opts in or out of a channel, message class or topic (ePrivacy Directive art. 13)."""

    envelope: Envelope
    scope: Scope
    direction: str
    topic: str | None = None
    message_class: str | None = None


class ObjectionRaised(msgspec.Struct, frozen=True, kw_only=True):
    """The person objects to processing, with or without grounds (GDPR art. 21(1) to (3))."""

    envelope: Envelope
    scope: Scope
    episode_id: bytes


class NoticeServed(msgspec.Struct, frozen=True, kw_only=True):
    """The person was shown a notice (GDPR art. 13). Decides nothing by itself."""

    envelope: Envelope
    notice: str
    language: str | None = None


class CataloguePublished(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what the controller promised. ``digest`` is SHA-256 over ``document`` (canonical JSON)."""

    envelope: Envelope
    version: int
    effective_from_ms: int
    digest: bytes
    document: str


class LogGenesis(msgspec.Struct, frozen=True, kw_only=True):
    """The record at offset 0 of every partition: which log this is, since Kafka's own ids do not survive a copy."""

    controller: str
    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    partitions: int
    genesis_id: bytes


SUBJECT_EVENT_TYPES: Final = (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    PreferenceSet,
    ObjectionRaised,
    NoticeServed,
    ErasureRequested,
    SubjectBlocked,
    SubjectErased,
    ErasureAdvanced,
    SuppressionCarried,
    ErasureCarried,
    IdentifierLinked,
    QuarantineAdmitted,
    QuarantineDiscarded,
)
SubjectEvent = (
    ConsentGiven
    | ConsentRefused
    | ConsentWithdrawn
    | PreferenceSet
    | ObjectionRaised
    | NoticeServed
    | ErasureRequested
    | SubjectBlocked
    | SubjectErased
    | ErasureAdvanced
    | SuppressionCarried
    | ErasureCarried
    | IdentifierLinked
    | QuarantineAdmitted
    | QuarantineDiscarded
)
Event = SubjectEvent | CataloguePublished | LogGenesis | ErasureOrder | ErasureAcknowledgement

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    kind.__name__: kind
    for kind in (
        *SUBJECT_EVENT_TYPES,
        CataloguePublished,
        LogGenesis,
        # Not of the log: what goes to holders and comes back, in the same framing.
        ErasureOrder,
        ErasureAcknowledgement,
    )
}


def is_protective(event: Event) -> bool:
    """Whether the act can only tighten: such an act is never refused or lost for a side reason."""
    if isinstance(event, PreferenceSet):
        return event.direction != "in"
    return isinstance(event, ConsentRefused | ConsentWithdrawn | ObjectionRaised | SuppressionCarried)


_canonical = msgspec.json.Encoder(order="sorted")


def content_digest(event: SubjectEvent) -> bytes:
    """SHA-256 over what the act says, so that a repeat is told from another act under the same event id.

    Covers type and body, and of the envelope only voice, ``effective_from`` and origin: a repeat has other times,
    another wait and perhaps another ``seen``. An objection's episode id is drawn anew by a client that retries
    under its own key, so it is left out as well: the first record of an event id is the one that counts.
    """
    body = {
        name: getattr(event, name)
        for name in event.__struct_fields__
        if name not in ("envelope", "episode_id")
    }
    envelope = event.envelope
    said = (type(event).__name__, envelope.voice, envelope.effective_from, envelope.origin, body)
    return hashlib.sha256(_canonical.encode(said)).digest()
