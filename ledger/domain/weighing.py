"""Which rows speak to a question, and which of two is the later.

A person's yes stands if it outranks every no and open objection of person, controller, authority or signal that
covers what is asked, whatever its kind. Voices never outrank each other: an administrator's rows are apart.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ledger.domain.catalogue import Catalogue, Purpose
from ledger.domain.envelope import Capture
from ledger.domain.ranks import BROKER_SKEW_MS
from ledger.domain.rows import Half, Row
from ledger.domain.scopes import Question, covers, names

PERSONAL_KINDS: Final = frozenset(
    {("no", "consent"), ("no", "preference"), ("no", "suppression"), ("episode", "objection")}
)
"""Noes and episodes that a person's yes can outrank."""

FORGETTING_KINDS: Final = frozenset({("episode", "erasure"), ("episode", "hold"), ("episode", "link")})
"""Weighed in :mod:`ledger.domain.forgetting`, a link by whoever knows both sides. Any other episode or no denies,
since this version cannot weigh it."""

NO_SHAPES: Final = frozenset({"no", "episode"})
"""Shapes that only tighten what is asked about them."""

ERASURE_KINDS: Final = frozenset({"erased_before", "erasure_requested", "erasure_step"})
"""What the ledger notes of an erasure: it makes nobody better known than they were."""

YES_KINDS: Final = frozenset({("yes", "consent"), ("yes", "preference"), ("pair", "double_opt_in")})
"""What a person's yes can be. A preference lifts a no, but is no consent."""


class No(msgspec.Struct, frozen=True):
    """A standing no or open objection that covers the question."""

    row: Row
    half: Half


def outranks(yes: Row, no: No) -> bool:
    """Whether a yes is strictly later than a no. Clocks of two partitions may differ, so there the no gains a minute.

    What was said before an erasure yields only to a yes whose identifier was proved: anybody can type an address.
    """
    if no.row.kind == "suppression" and not is_verified(yes):
        return False
    found = halves([yes])
    for half in found:
        same_partition = (half.generation, half.lane, half.partition) == (
            no.half.generation,
            no.half.lane,
            no.half.partition,
        )
        if same_partition and half.rank <= no.half.rank:
            return False
        if not same_partition and half.rank_ms <= no.half.rank_ms + BROKER_SKEW_MS:
            return False
    return bool(found)


def is_verified(yes: Row) -> bool:
    """Whether the yes is the identifier's owner's: proved when it was given, or confirmed as a double opt-in is."""
    return yes.shape == "pair" or (yes.detail is not None and yes.detail.verified)


def halves(rows: Iterable[Row]) -> tuple[Half, ...]:
    return tuple(half for row in rows for half in (row.first, row.second) if half is not None)


def personal_noes(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question
) -> list[No]:
    """Noes and open objections of person, controller, authority or signal that cover the question."""
    noes = []
    for row in rows:
        if row.first is None or row.voice == "administrator" or (row.shape, row.kind) not in PERSONAL_KINDS:
            continue
        overruled = row.second is not None and not purpose.direct_marketing
        if not overruled and covers(catalogue, purpose, row, question):
            noes.append(No(row, row.first))
    return noes


def personal_yeses(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question
) -> list[Row]:
    """The person's grants and opt-ins for exactly what is asked: a person's yes has no wildcard.

    Whoever was erased before is not brought back by an old file: what says to be older than the erasure counts for
    nothing, and neither does what a file says without proof.
    """
    erased_before_ms = max(
        (row.detail.revision or 0 for row in rows if row.kind == "erased_before" and row.detail is not None),
        default=None,
    )
    return [
        row
        for row in rows
        if row.voice == "person"
        and _is_complete(row)
        and names(catalogue, purpose, row, question)
        and (erased_before_ms is None or not _is_of_the_erased(row, erased_before_ms))
    ]


def _is_of_the_erased(yes: Row, erased_before_ms: int) -> bool:
    if yes.detail is None:
        return False
    effective_from_ms = yes.detail.effective_from_ms
    if effective_from_ms is not None and effective_from_ms <= erased_before_ms:
        return True
    return yes.detail.capture == Capture.IMPORT.value and not is_verified(yes)


def _is_complete(row: Row) -> bool:
    """A pair counts when both halves are in."""
    if (row.shape, row.kind) not in YES_KINDS or row.first is None:
        return False
    return row.shape == "yes" or row.second is not None


def is_live(row: Row, now_ms: int) -> bool:
    """Expiry is evaluated when asked: nothing has to happen at the moment of expiry."""
    return (
        row.detail is not None
        and not is_ahead(row, now_ms)
        and (row.detail.until_ms is None or now_ms < row.detail.until_ms)
    )


def is_ahead(row: Row, now_ms: int) -> bool:
    return (
        row.detail is not None
        and row.detail.effective_from_ms is not None
        and row.detail.effective_from_ms > now_ms
    )
