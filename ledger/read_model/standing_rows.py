"""From a record of ``standing`` back to the domain's row."""

from collections.abc import Sequence
from typing import Any, Final

from ledger.domain.rows import Detail, Half, Row

__all__ = ["COLUMNS", "row_of"]

COLUMNS: Final = 36
"""How many values :func:`row_of` takes: the columns from ``row_key`` to ``second_offset`` as ``read_subjects`` orders
them. By place and not by name, since a request for many decisions reads thousands of them."""

_FIRST: Final = 11
_DETAIL: Final = 19
_SECOND: Final = 28


def row_of(values: Sequence[Any]) -> Row:
    """The row in the columns ``row_key`` … ``second_offset``."""
    first = _half(values, _FIRST)
    return Row(
        row_key=values[0],
        shape=values[1],
        voice=values[2],
        kind=values[3],
        purpose=values[4],
        purpose_group=values[5],
        channel=values[6],
        recipient=values[7],
        item=values[8],
        category=values[9],
        instance=values[10],
        first=first,
        detail=_detail(values) if values[_DETAIL + 6] is not None else None,
        second=_half(values, _SECOND),
    )


def _half(values: Sequence[Any], start: int) -> Half | None:
    value, rank_ms, rank_seq, event_id, generation, lane, partition, offset = values[start : start + 8]
    if rank_ms is None:
        return None
    return Half(
        value=value,
        rank_ms=rank_ms,
        rank_seq=rank_seq,
        event_id=event_id,
        generation=generation,
        lane=lane,
        partition=partition,
        offset=offset,
    )


def _detail(values: Sequence[Any]) -> Detail:
    return Detail(
        effective_from_ms=values[_DETAIL],
        until_ms=values[_DETAIL + 1],
        notice=values[_DETAIL + 2],
        verified=values[_DETAIL + 3],
        capture=values[_DETAIL + 4],
        revision=values[_DETAIL + 5],
        stamp_ms=values[_DETAIL + 6],
        waited_ms=values[_DETAIL + 7],
        other_subject_id=values[_DETAIL + 8],
    )
