"""What is said on the log when two subject ids turn out to be one person: one event for each, under one link id."""

import hashlib
from typing import Final

import msgspec

from ledger.domain.carrying import SOURCE
from ledger.domain.envelope import Capture, Envelope, Voice
from ledger.domain.erasure_events import IdentifierLinked

__all__ = ["MAX_GROUP", "linked_events"]

MAX_GROUP: Final = 16
"""Subject ids of one person at most: their rows are locked together, by whoever links or erases."""

_ID_BYTES: Final = 16
_DOMAIN: Final = b"consent-ledger link v1"


def linked_events(controller: str, link_id: bytes, one: bytes, two: bytes) -> dict[bytes, IdentifierLinked]:
    """The event of each side, by subject id in order; the same for the same link, whoever says it again."""
    low, high = sorted((one, two))
    return {own: _linked(controller, link_id, own, other) for own, other in ((low, high), (high, low))}


def _linked(controller: str, link_id: bytes, own: bytes, other: bytes) -> IdentifierLinked:
    event_id = hashlib.sha256(msgspec.msgpack.encode((_DOMAIN, link_id, own))).digest()[:_ID_BYTES]
    return IdentifierLinked(
        envelope=Envelope(
            event_id=event_id,
            act_id=link_id,
            controller=controller,
            source=SOURCE,
            voice=Voice.CONTROLLER,
            capture=Capture.SYSTEM,
            waited_ms=0,
            # It lies in the vault's queue as well, and whoever sends it second is a repeat.
            may_be_repeat=True,
        ),
        link_id=link_id,
        other_subject_id=other,
        verified=True,
    )
