"""What every record of the log carries: its place, who speaks, how the act came in, and the envelope around it all.

Field by field the same as ``schemas/avro``. No type here has room for a personal value or free text.
"""

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
