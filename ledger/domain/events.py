"""What a person or a controller did, as immutable records: the envelope and the event types of the log.

Field by field the same as ``schemas/avro``; the codec translates between the two. No type here has room for a
personal value or free text: the log is kept for ever, and only the vault can tell who a subject id is.
"""

import hashlib
from enum import Enum
from typing import Final

import msgspec

SUBJECT_ID_BYTES: Final = 16
GENESIS_KEY: Final = bytes(SUBJECT_ID_BYTES)


class Lane(str, Enum):
    """The topics of one controller's log. Live and backfill hold acts and have the same partitions."""

    LIVE = "live"
    BACKFILL = "backfill"
    CATALOGUE = "catalogue"
    EVIDENCE = "evidence"

    @property
    def number(self) -> int:
        """The lane as tables store it."""
        return _LANE_NUMBERS[self]

    @classmethod
    def of_number(cls, number: int) -> "Lane":
        """The lane of a stored number; raises ``ValueError`` for any other."""
        if not 0 <= number < len(_LANES):
            raise ValueError(f"{number} is no lane")
        return _LANES[number]


_LANES: Final = (Lane.LIVE, Lane.BACKFILL, Lane.CATALOGUE, Lane.EVIDENCE)
_LANE_NUMBERS: Final = {lane: number for number, lane in enumerate(_LANES)}


class Voice(str, Enum):
    """Who speaks. Part of a row's key: an administrator never outranks the person, nor the reverse."""

    PERSON = "person"
    ADMINISTRATOR = "administrator"
    CONTROLLER = "controller"
    AUTHORITY = "authority"
    SIGNAL = "signal"


class Capture(str, Enum):
    """How the act reached the controller."""

    SELF = "self"
    CLERK = "clerk"
    LETTER = "letter"
    PHONE = "phone"
    DEVICE = "device"
    IMPORT = "import"
    SYSTEM = "system"


class Origin(str, Enum):
    """By which road the act reached the log."""

    DIRECT = "direct"
    OUTBOX = "outbox"
    IMPORTED = "imported"
    INFERRED = "inferred"
    CARRIED = "carried"


class Coordinates(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one record, for ever: the log's own id and generation, not Kafka's."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    offset: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The position that the person's screen showed before the act: what a yes may outrank without any clock."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    next_offset: int
    stamp_ms: int


class RanksBelow(msgspec.Struct, frozen=True, kw_only=True):
    """The rank of a grant that a clerk confirmed as later than the letter in hand. Written by the intake only."""

    ms: int
    seq: int


class OriginStamp(msgspec.Struct, frozen=True, kw_only=True):
    """The stamp that a carried or mirrored record had where it was first recorded."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    offset: int
    broker_ms: int
    stamp_ms: int


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an act is about. In a no, a field left out means everything; in a yes, the controller alone."""

    purpose: str | None = None
    purpose_group: str | None = None
    channel: str | None = None
    recipient: str | None = None
    item: str | None = None
    category: str | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every event carries. The record's key is the subject id, so it is not repeated here.

    Times are milliseconds since the epoch, UTC. ``waited_ms`` is None when nobody could measure the wait,
    which is not the same as 0. ``occurred_at`` is the producer's word and is never invented.
    """

    event_id: bytes
    act_id: bytes
    act_index: int = 0
    controller: str
    source: str
    voice: Voice = Voice.PERSON
    capture: Capture = Capture.SELF
    origin: Origin = Origin.DIRECT
    occurred_at: int | None = None
    stated_exactly: bool = False
    effective_from: int | None = None
    waited_ms: int | None = None
    flight_margin: str = "two_minutes"
    may_be_repeat: bool = False
    seen: Seen | None = None
    ranks_below: RanksBelow | None = None
    origin_stamp: OriginStamp | None = None
    evidence_commitment: bytes | None = None
    request_id: bytes | None = None
    caused_by: bytes | None = None
    catalogue_version: int | None = None
    dropped_fields: tuple[str, ...] = ()


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


SubjectEvent = (
    ConsentGiven | ConsentRefused | ConsentWithdrawn | PreferenceSet | ObjectionRaised | NoticeServed
)
Event = SubjectEvent | CataloguePublished | LogGenesis

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    kind.__name__: kind
    for kind in (
        ConsentGiven,
        ConsentRefused,
        ConsentWithdrawn,
        PreferenceSet,
        ObjectionRaised,
        NoticeServed,
        CataloguePublished,
        LogGenesis,
    )
}
SUBJECT_EVENT_TYPES: Final = (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    PreferenceSet,
    ObjectionRaised,
    NoticeServed,
)


def is_protective(event: Event) -> bool:
    """Whether the act can only tighten: such an act is never refused or lost for a side reason."""
    if isinstance(event, PreferenceSet):
        return event.direction != "in"
    return isinstance(event, ConsentRefused | ConsentWithdrawn | ObjectionRaised)


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
