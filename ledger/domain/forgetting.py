"""What an erasure leaves to ask: nothing of what was erased, and of what the law keeps only the use it is kept for."""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.domain.catalogue import Catalogue, Purpose
from ledger.domain.rows import Half, Row
from ledger.domain.scopes import Question, covers
from ledger.domain.weighing import No, is_live, outranks, personal_yeses

__all__ = ["Forgotten", "forgotten", "forgotten_altogether"]


class Forgotten(NamedTuple):
    """Why an answer is no: ``blocked``, ``erased`` or ``held``, and the event that says so."""

    reason: str
    half: Half


def forgotten_altogether(rows: Sequence[Row]) -> Forgotten | None:
    """The erasure of the whole subject, done or under way, if there is one. Needs no catalogue."""
    found = [
        half
        for row in rows
        if row.kind == "erasure" and row.category == "" and (half := row.second or row.first) is not None
    ]
    if not found:
        return None
    # Erased is above blocked: nothing that is said later about the id makes it somebody again.
    half = max(found, key=lambda half: (half.value == "erased", half.order))
    return Forgotten(_reason(half), half)


def forgotten(
    catalogue: Catalogue, purpose: Purpose, rows: Sequence[Row], question: Question, now_ms: int
) -> Forgotten | None:
    """Why this may not be asked of what is left, or None.

    A category under erasure is blocked; one that was erased may be used again only by a yes given since. What is
    held serves the purposes that its hold names, until its date, and none after it (GDPR art. 17(3), 18(2)).
    """
    yeses = [row for row in personal_yeses(catalogue, purpose, rows, question) if is_live(row, now_ms)]
    # What was erased but for what is held was meant to be everything: a use that names no category is no exception.
    all_but_held = {row.instance.partition("|")[2] for row in rows if row.kind == "hold"}
    found: list[Forgotten] = []
    for row in rows:
        half = row.second or row.first
        if half is None or row.category == "":
            continue
        is_nameless = not purpose.categories and row.kind == "erasure" and row.instance in all_but_held
        if not is_nameless and not covers(catalogue, purpose, row, question):
            continue
        if row.kind == "hold" and not _may_use_held(catalogue, purpose, row, now_ms):
            found.append(Forgotten("held", half))
        if row.kind == "erasure" and (
            half.value != "erased" or not any(outranks(yes, No(row, half)) for yes in yeses)
        ):
            found.append(Forgotten(_reason(half), half))
    # Rows come in no order, so the latest of them gives the answer.
    return max(found, key=lambda one: one.half.order, default=None)


def _reason(half: Half) -> str:
    """Whatever a later version calls a step of an erasure, it is under way."""
    return "erased" if half.value == "erased" else "blocked"


def _may_use_held(catalogue: Catalogue, purpose: Purpose, row: Row, now_ms: int) -> bool:
    hold = catalogue.holds.get(row.instance.partition("|")[0])
    until_ms = row.detail.until_ms if row.detail is not None else None
    return hold is not None and purpose.id in hold.purposes and until_ms is not None and now_ms < until_ms
