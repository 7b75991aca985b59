"""Rows of standing, and how rows of one key join.

Joining is associative, commutative and
idempotent over stamped records, so order, batching and repeats change nothing. Rows never overwrite across shapes;
what they mean together is said when asked, in :mod:`ledger.domain.decision`.

==========  =============================================  ==========================================
shape       for                                            join
==========  =============================================  ==========================================
no          refusals, withdrawals, opt-outs                greatest rank; never expires
yes         grants, opt-ins; by notice version and end     greatest rank
pair        double opt-in                                  halves apart; counts when both are in
episode     objections                                     begun once, ended once, in either order
fact        what a source states                           greatest revision or stamp
remark      what decides nothing (a notice was shown)      as a fact
==========  =============================================  ==========================================
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec

from ledger.domain.ranks import LOWEST_RANK, Rank

Shape = Literal["yes", "no", "pair", "episode", "fact", "remark"]

WHOLE_SHAPES: Final = frozenset({"yes", "no", "fact", "remark"})
"""Shapes whose greatest row wins as a whole; the halves of the others are joined apart."""

CLASS_MARK: Final = "@"
TOPIC_MARK: Final = "#"
"""No id begins with these, so a message class in ``purpose_group`` and a topic in ``item`` stay apart from ids."""


class Half(msgspec.Struct, frozen=True, kw_only=True):
    """One event's contribution: what it says, its rank, and where it stands in the log."""

    value: str
    rank_ms: int
    rank_seq: int
    event_id: bytes
    generation: int
    lane: int
    partition: int
    offset: int

    @property
    def rank(self) -> Rank:
        return Rank(self.rank_ms, self.rank_seq)

    @property
    def order(self) -> tuple[int, int, bytes, int, int, int, int]:
        """Total: two records never tie, since their coordinates differ."""
        return (
            self.rank_ms,
            self.rank_seq,
            self.event_id,
            self.generation,
            self.lane,
            self.partition,
            self.offset,
        )


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with the first half: times, notice, and how it was captured."""

    effective_from_ms: int | None = None
    until_ms: int | None = None
    notice: str | None = None
    verified: bool = False
    capture: str | None = None
    revision: int | None = None
    stamp_ms: int
    waited_ms: int | None = None
    other_subject_id: bytes | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of standing, for one controller and subject. ``''`` in a scope field: left out by the act.

    ``first`` is None only for the ended half of an episode, or the second of a pair, that came before the other.
    """

    row_key: bytes
    shape: Shape
    voice: str
    kind: str
    purpose: str = ""
    purpose_group: str = ""
    channel: str = ""
    recipient: str = ""
    item: str = ""
    category: str = ""
    instance: str = ""
    first: Half | None = None
    detail: Detail | None = None
    second: Half | None = None

    @property
    def rank(self) -> Rank:
        """What the row is compared by: of a complete pair the lower rank, else that of its first half."""
        if self.shape == "pair":
            return min(self.first.rank, self.second.rank) if self.first and self.second else LOWEST_RANK
        return self.first.rank if self.first else LOWEST_RANK


@lru_cache(maxsize=65_536)
def row_key(
    shape: str,
    voice: str,
    kind: str,
    purpose: str,
    purpose_group: str,
    channel: str,
    recipient: str,
    item: str,
    category: str,
    instance: str,
) -> bytes:
    """16 bytes of SHA-256 over the key fields; the unit separator cannot stand in any of them."""
    fields = (shape, voice, kind, purpose, purpose_group, channel, recipient, item, category, instance)
    return hashlib.sha256("\x1f".join(fields).encode()).digest()[:16]


def merge(a: Row, b: Row) -> Row:
    """The join of two rows with one key."""
    if a.shape in WHOLE_SHAPES:
        return a if _order(a.first) >= _order(b.first) else b
    leading = a if _order(a.first) >= _order(b.first) else b
    second = a.second if _order(a.second) >= _order(b.second) else b.second
    if leading.second is second:
        return leading
    return msgspec.structs.replace(leading, second=second)


def fold(rows: Iterable[Row]) -> dict[bytes, Row]:
    """The standing of one subject: every row joined with those of its key, by key."""
    standing: dict[bytes, Row] = {}
    for row in rows:
        held = standing.get(row.row_key)
        standing[row.row_key] = row if held is None else merge(held, row)
    return standing


def _order(half: Half | None) -> tuple[int, int, bytes, int, int, int, int]:
    return half.order if half is not None else (LOWEST_RANK.ms, -1, b"", -1, -1, -1, -1)
