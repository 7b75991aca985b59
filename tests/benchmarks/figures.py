"""What a benchmark hands back: tables of figures with their spread, printable and as JSON."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

__all__ = ["Cell", "Result", "Spread", "Table", "as_text", "quantile", "ratios", "spread"]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The median of several repeats, and how far they lie apart."""

    median: float
    lowest: float
    highest: float
    repeats: int

    def __str__(self) -> str:
        if self.repeats == 1:
            return number(self.median)
        return f"{number(self.median)} ({number(self.lowest)}-{number(self.highest)})"


Cell = str | int | float | Spread | None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table: a title that names the unit, columns, rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark found. ``settings`` is everything that somebody needs to repeat it."""

    name: str
    about: str
    settings: Mapping[str, Any]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


def spread(values: Sequence[float]) -> Spread:
    """Median, minimum and maximum of the repeats."""
    return Spread(
        median=statistics.median(values), lowest=min(values), highest=max(values), repeats=len(values)
    )


def ratios(ours: Sequence[float], peers: Sequence[float]) -> Spread:
    """The spread of the quotients of runs that stood next to each other, which a slow minute changes least."""
    return spread([one / other for one, other in zip(ours, peers, strict=True)])


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the sorted values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def number(value: float) -> str:
    """Three significant digits, with thousands apart."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{digits}f}"


def as_text(result: Result) -> str:
    """The result as a page for people."""
    lines = [f"== {result.name}: {result.about}"]
    lines += [f"   {name}: {value}" for name, value in result.settings.items()]
    for table in result.tables:
        lines += ["", *_table_lines(table)]
    lines += ["", *(f"   {note}" for note in result.notes)] if result.notes else []
    return "\n".join(lines) + "\n"


def _table_lines(table: Table) -> list[str]:
    rows = [table.columns, *([_cell(value) for value in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    lines = [f"   {table.title}"]
    for place, row in enumerate(rows):
        # Names to the left, figures to the right.
        padded = [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))]
        lines.append("   " + "  ".join(padded).rstrip())
        if place == 0:
            lines.append("   " + "  ".join("-" * width for width in widths))
    return lines


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
