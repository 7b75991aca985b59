"""A glimpse of the first lines, in which nobody can be recognised."""

from typing import Final

from ledger.domain.identifiers import screen
from ledger.importing.answers import Line
from ledger.importing.columns import IDENTIFIERS, Columns

__all__ = ["masked", "masked_line"]

MAX_SHOWN_CHARACTERS: Final = 40


def masked(address: str) -> str:
    """``anna@example.se`` as ``a***@e***.se``; whatever else it is, its first character."""
    local, at, domain = address.strip().rpartition("@")
    if not at:
        return f"{address.strip()[:1]}***"
    top = domain.rpartition(".")[2] if "." in domain else ""
    return f"{local[:1]}***@{domain[:1]}***{'.' + top if top else ''}"


def masked_line(line: Line, columns: Columns) -> dict[str, str]:
    """The mapped cells of a line by field: the person masked, of the tags their number, the rest as it stands."""
    cells = line.record.cells
    places = {field: getattr(columns, field) for field in columns.names if field not in IDENTIFIERS}
    shown = {"line": str(line.number), columns.kind.value: masked(_cell(cells, columns.identifier))}
    for field, place in places.items():
        cell = _cell(cells, place)
        if field == "tags":
            shown[field] = str(len(line.yes.tags)) if line.yes else ""
        else:
            shown[field] = cell[:MAX_SHOWN_CHARACTERS] if screen(cell) is None else masked(cell)
    return shown


def _cell(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
