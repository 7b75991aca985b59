"""Positions as callers hand them back."""

from typing import Final

from ledger.domain.positions import Position
from ledger.errors import Rejected

__all__ = ["position_in"]

MAX_OFFSET: Final = 2**62 - 1
"""Twice an offset is half of a rank, and a rank must fit in 64 bits."""
MAX_STAMP_MS: Final = 2**53


def position_in(value: object, field: str) -> Position:
    """The position in a token, or ``Rejected(position_malformed)``: not even the ledger's own checksum makes numbers
    that no log has fit for one."""
    if isinstance(value, str):
        try:
            position = Position.decode(value)
        except Rejected as rejection:
            rejection.context["field"] = field
            raise
        if all(
            0 <= entry.next_offset <= MAX_OFFSET and 0 <= entry.stamp_ms <= MAX_STAMP_MS
            for entry in position.entries
        ):
            return position
    raise Rejected("position_malformed", field=field)
