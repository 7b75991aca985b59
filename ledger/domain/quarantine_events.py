"""How an open doubt about a record ends: an operator lets it count, or lays it aside for good.

Keyed by the subject of the record; by the genesis key, in the record's own partition, where it has no readable one.
"""

import msgspec

from ledger.domain.envelope import Envelope, Lane

__all__ = ["QuarantineAdmitted", "QuarantineDiscarded", "RecordPlace"]


class RecordPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The coordinates of the record in doubt."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    offset: int


class QuarantineAdmitted(msgspec.Struct, frozen=True, kw_only=True):
    """The record counts after all, at the stamp that it had (GDPR art. 5(2)).

    ``author`` and ``reason`` are ids: who decided, and why.
    """

    envelope: Envelope
    record: RecordPlace
    author: str
    reason: str


class QuarantineDiscarded(msgspec.Struct, frozen=True, kw_only=True):
    """The record never counts; its bytes stay on the log (GDPR art. 5(1)(d) and 5(2))."""

    envelope: Envelope
    record: RecordPlace
    author: str
    reason: str
