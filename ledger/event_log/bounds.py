"""What Avro's types promise and its Python reader and writer do not check: the width of integers, and the symbol
that stands for *a newer version of this list*.

Compiled once per schema into plain tuples, since this runs for every record that is read.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["UNKNOWN_SYMBOL", "Bounds", "compile_bounds", "first_outside"]

UNKNOWN_SYMBOL: Final = "unknown"
"""The default symbol of every enumeration: what a reader with an older schema sees. Never written by itself."""

_WIDTHS: Final = {"int": 31, "long": 63}


class Bounds(NamedTuple):
    """The checks of one record: integers by name with their limits, names of enumerations, records within."""

    integers: tuple[tuple[str, int, int], ...]
    symbols: tuple[str, ...]
    records: tuple[tuple[str, "Bounds"], ...]


def compile_bounds(schema: Mapping[str, Any], *, written: bool) -> Bounds:
    """The checks for records of the standalone ``schema``.

    Before writing (``written=False``) all integers are checked; of what the reader returned only ``int``, because
    a varint of any length comes out of it as 64 bits.
    """
    widths = {"int": 31} if written else _WIDTHS
    return _compile(schema, widths, {})


def first_outside(values: Mapping[str, Any], bounds: Bounds) -> str | None:
    """The name of the first field whose value its type does not allow, or None."""
    for name, low, high in bounds.integers:
        value = values[name]
        if value is not None and not low <= value <= high:
            return name
    for name in bounds.symbols:
        if values[name] == UNKNOWN_SYMBOL:
            return name
    for name, inner in bounds.records:
        value = values[name]
        if value is not None and (found := first_outside(value, inner)) is not None:
            return f"{name}.{found}"
    return None


def _compile(schema: Mapping[str, Any], widths: Mapping[str, int], known: dict[str, Any]) -> Bounds:
    integers: list[tuple[str, int, int]] = []
    symbols: list[str] = []
    records: list[tuple[str, Bounds]] = []
    for field in schema["fields"]:
        name, kind = field["name"], _plain(field["type"], known)
        if isinstance(kind, str) and kind in widths:
            integers.append((name, -(2 ** widths[kind]), 2 ** widths[kind] - 1))
        elif isinstance(kind, dict) and kind["type"] == "enum":
            symbols.append(name)
        elif isinstance(kind, dict) and kind["type"] == "record":
            inner = _compile(kind, widths, known)
            if any(inner):
                records.append((name, inner))
    return Bounds(tuple(integers), tuple(symbols), tuple(records))


def _plain(kind: Any, known: dict[str, Any]) -> Any:
    """A field's type without null and with a reference resolved: a definition always stands before its references."""
    if isinstance(kind, list):
        (kind,) = [branch for branch in kind if branch != "null"]
    if isinstance(kind, str):
        return known.get(kind, kind)
    if "name" in kind:
        known[f"{kind['namespace']}.{kind['name']}"] = kind
    return kind
