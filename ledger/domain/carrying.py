"""What outlives an erasure, tied to the subject id under which the person comes back: their noes, and that they were.

Nothing carried points back: neither the request nor the old id is named, and no moment is told more closely than it
must be, or the old history would be about somebody again (GDPR art. 4(1), recital 26). The event ids follow from what
is carried and to whom, so that carrying twice is a repeat (races.md, D6).
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.domain.envelope import Capture, Envelope, Origin, Scope, Voice
from ledger.domain.erasure_events import ErasureCarried, SuppressionCarried
from ledger.domain.rows import CLASS_MARK, TOPIC_MARK, Row

__all__ = ["SOURCE", "CarriedNo", "Match", "carried_events", "erased_before", "is_overtaken", "kept_noes", "told_by_the_day"]

SOURCE: Final = "ledger"
"""The source of what the ledger says by itself."""

TOLD_BY_MS: Final = 24 * 3600 * 1000
"""What outlives an erasure is told by the day, rounded up. A later rank does no harm, since the fold never ranks a
carried no above its own record; and what states to be of the very day of the erasure is refused with what is older."""

_ID_BYTES: Final = 16
_DOMAIN: Final = b"consent-ledger carried v1"


class CarriedNo(NamedTuple):
    """One no that was standing when its person was erased. ``no_key`` tells it from the others of that person."""

    no_key: bytes
    purpose: str
    purpose_group: str
    channel: str
    recipient: str
    item: str
    category: str
    rank_ms: int
    rank_seq: int


class Match(NamedTuple):
    """What is kept about an identifier whose person was erased. One of the two is never empty."""

    noes: tuple[CarriedNo, ...]
    erased_before_ms: int | None


def kept_noes(noes: Iterable[Row]) -> tuple[CarriedNo, ...]:
    """The rows as they are kept beyond the erasure: one for each scope, with the day of its greatest rank."""
    latest: dict[bytes, CarriedNo] = {}
    for no in sorted(noes, key=lambda row: row.rank):
        scope = (no.purpose, no.purpose_group, no.channel, no.recipient, no.item, no.category)
        key = hashlib.sha256("\x1f".join(scope).encode()).digest()[:_ID_BYTES]
        latest[key] = CarriedNo(key, *scope, told_by_the_day(no.rank.ms), 0)
    return tuple(latest.values())


def carried_events(
    controller: str, subject_id: bytes, matches: Sequence[Match | None]
) -> tuple[SuppressionCarried | ErasureCarried, ...]:
    """The events that tie what outlived an erasure to ``subject_id``: noes first, the same each time."""
    noes = dict.fromkeys(_coarse(no) for match in matches if match is not None for no in match.noes)
    events: list[SuppressionCarried | ErasureCarried] = [
        _suppression(controller, subject_id, no) for no in sorted(noes)
    ]
    erased_before_ms = erased_before(matches)
    if erased_before_ms is not None:
        event_id = _event_id(subject_id, "erased before", erased_before_ms)
        envelope = _envelope(controller, event_id, Voice.CONTROLLER)
        events.append(ErasureCarried(envelope=envelope, erased_before_ms=erased_before_ms))
    return tuple(events)


def erased_before(matches: Iterable[Match | None]) -> int | None:
    """Until when everything was erased, in ms: the latest of the markers, told by the day."""
    return max(
        (
            told_by_the_day(match.erased_before_ms)
            for match in matches
            if match is not None and match.erased_before_ms is not None
        ),
        default=None,
    )


def is_overtaken(
    erased_before_ms: int | None, capture: Capture, effective_from_ms: int | None, *, verified: bool
) -> bool:
    """Whether a yes counts for nothing since its person was erased: it says to be older, or nobody proved it.

    What an import brings was not said here and now (races.md, D5). As :mod:`ledger.domain.weighing` has it.
    """
    if erased_before_ms is None:
        return False
    if capture is Capture.IMPORT and not verified:
        return True
    return effective_from_ms is not None and effective_from_ms <= erased_before_ms


def _coarse(no: CarriedNo) -> CarriedNo:
    """Without the place of the record that said it, which the exact rank would be."""
    return no._replace(no_key=b"", rank_ms=told_by_the_day(no.rank_ms), rank_seq=0)


def _suppression(controller: str, subject_id: bytes, no: CarriedNo) -> SuppressionCarried:
    event_id = _event_id(subject_id, "no", *no[1:])
    is_class, is_topic = no.purpose_group.startswith(CLASS_MARK), no.item.startswith(TOPIC_MARK)
    return SuppressionCarried(
        # The person's own no: it must weigh as one.
        envelope=_envelope(controller, event_id, Voice.PERSON),
        scope=Scope(
            purpose=no.purpose or None,
            purpose_group=None if is_class else no.purpose_group or None,
            channel=no.channel or None,
            recipient=no.recipient or None,
            item=None if is_topic else no.item or None,
            category=no.category or None,
        ),
        rank_ms=no.rank_ms,
        rank_seq=no.rank_seq,
        topic=no.item.removeprefix(TOPIC_MARK) if is_topic else None,
        message_class=no.purpose_group.removeprefix(CLASS_MARK) if is_class else None,
    )


def _envelope(controller: str, event_id: bytes, voice: Voice) -> Envelope:
    return Envelope(
        event_id=event_id,
        act_id=event_id,
        controller=controller,
        source=SOURCE,
        voice=voice,
        capture=Capture.SYSTEM,
        origin=Origin.CARRIED,
        waited_ms=0,
        # Nobody can tell whether a process before this one had sent it.
        may_be_repeat=True,
    )


def _event_id(subject_id: bytes, *said: str | int) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode((_DOMAIN, subject_id, said))).digest()[:_ID_BYTES]


def told_by_the_day(ms: int) -> int:
    """The end of the day (UTC) of a moment, in ms; the end of a day is its own."""
    return -(-ms // TOLD_BY_MS) * TOLD_BY_MS
