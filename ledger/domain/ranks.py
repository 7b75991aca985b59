"""Stamps and ranks: what rows are compared by. *A yes counts from the earliest moment it may have been made,
a no from the latest.*

The bound within which a grant can never beat a withdrawal made after it, for any producer clock: unmeasured
flight plus any step between broker clocks stays within two minutes (``FLIGHT_MARGIN_MS``). The constants belong
to the format of the log, not to settings: changing one would change what old records mean.
"""

from typing import Final, NamedTuple

import msgspec

from ledger.domain.events import Capture, Coordinates, Envelope, Origin, Seen, Voice

FLIGHT_MARGIN_MS: Final = 120_000
"""Flight that nobody measured: the SDK gives up a send after one minute, brokers may differ by another."""

WAIT_ALLOWANCE_MS: Final = 120_000
"""A no loses from its stamp only what its measured wait exceeds this."""

BROKER_SKEW_MS: Final = 60_000
"""What a no gains over a yes from another partition: brokers further apart are refused."""

RANK_MIN: Final = -(2**63)
RANK_MAX: Final = 2**63 - 1


class Rank(NamedTuple):
    """Milliseconds of ledger time, then a tie within the millisecond. Compared as a pair."""

    ms: int
    seq: int


LOWEST_RANK: Final = Rank(RANK_MIN, 0)
"""The rank of a yes about whose time nothing is known: it stands only where nobody said no."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a record stands in the log's own time, after :func:`advance_stamp`."""

    coordinates: Coordinates
    broker_ms: int
    stamp_ms: int
    clock_floor_ms: int


def advance_stamp(stamp_ms: int, clock_floor_ms: int, broker_ms: int) -> tuple[int, int]:
    """The stamp and clock floor after a record with ``broker_ms``, given those before it.

    Broker time is no arrival order: a new leader's clock may lag. The stamp is its running maximum in the
    partition; the clock floor is that maximum at the last step backward, below which no wait can be trusted.
    """
    if broker_ms < stamp_ms:
        return stamp_ms, stamp_ms
    return broker_ms, clock_floor_ms


def no_rank(envelope: Envelope, record: Record) -> Rank:
    """The latest moment at which this no may have been made."""
    coordinates = record.coordinates
    rank = Rank(record.stamp_ms, 2 * coordinates.offset + 1)
    waited_ms = envelope.waited_ms
    if waited_ms is not None and waited_ms > WAIT_ALLOWANCE_MS:
        made_ms = max(record.clock_floor_ms, record.stamp_ms - (waited_ms - WAIT_ALLOWANCE_MS))
        rank = min(rank, Rank(made_ms, RANK_MAX))
    if envelope.origin is Origin.IMPORTED and envelope.stated_exactly and envelope.effective_from is not None:
        rank = min(rank, Rank(envelope.effective_from, RANK_MAX))
    if envelope.ranks_below is not None and _typed_by_clerk(envelope):
        rank = min(rank, _just_below(Rank(envelope.ranks_below.ms, envelope.ranks_below.seq)))
    return rank


def yes_rank(envelope: Envelope, record: Record) -> Rank:
    """The earliest moment at which this yes may have been made, or what the person had seen, if that is later."""
    if envelope.origin not in (Origin.DIRECT, Origin.OUTBOX):
        # Imported, inferred, or carried without a stamp of its origin that anybody has checked.
        return LOWEST_RANK
    rank = LOWEST_RANK
    waited_ms = envelope.waited_ms
    if waited_ms is not None and waited_ms >= 0:
        made_ms = record.stamp_ms - waited_ms
        if envelope.occurred_at is not None:
            made_ms = min(made_ms, envelope.occurred_at)
        rank = Rank(max(made_ms - FLIGHT_MARGIN_MS, RANK_MIN), 0)
    coordinates = record.coordinates
    if envelope.seen is not None and _same_partition(envelope.seen, coordinates):
        rank = max(rank, Rank(envelope.seen.stamp_ms, 2 * envelope.seen.next_offset))
    return min(rank, Rank(record.stamp_ms, 2 * coordinates.offset))


def _same_partition(seen: Seen, coordinates: Coordinates) -> bool:
    """A position of another partition says nothing about the order within this one."""
    return (
        seen.log_id == coordinates.log_id
        and seen.generation == coordinates.generation
        and seen.lane is coordinates.lane
        and seen.partition == coordinates.partition
    )


def _typed_by_clerk(envelope: Envelope) -> bool:
    return envelope.voice is Voice.PERSON and envelope.capture in (
        Capture.CLERK,
        Capture.LETTER,
        Capture.PHONE,
    )


def _just_below(rank: Rank) -> Rank:
    if rank.seq > 0:
        return Rank(rank.ms, rank.seq - 1)
    return Rank(max(rank.ms - 1, RANK_MIN), RANK_MAX)
