"""A line with cells too many or too few: the ways in which it can be laid under the header."""

from collections.abc import Iterator
from typing import Final

__all__ = ["readings"]

MAX_DIFFERENCE: Final = 16
"""Beyond that the line is laid to the left and to the right only."""


def readings(cells: list[str], width: int) -> Iterator[list[str]]:
    """Every list of ``width`` cells that is this line with neighbouring cells taken out, or with blanks put in.

    An address list has commas in names: then the cells before the name are where they belong, and those after it are
    not. Which reading is right is for whoever knows what the columns hold.
    """
    surplus = len(cells) - width
    last = min(len(cells), width)
    places = range(last + 1) if abs(surplus) <= MAX_DIFFERENCE else (0, last)
    for place in places:
        if surplus >= 0:
            yield cells[:place] + cells[place + surplus :]
        else:
            yield cells[:place] + [""] * -surplus + cells[place:]
