"""What a company promised, read from its catalogue's TOML by nothing but the standard library."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple


class Promises(NamedTuple):
    """The parts of a catalogue that answers hang on. ``purposes`` have ``declinable`` from their message class."""

    purposes: dict[str, dict[str, Any]]
    categories: tuple[str, ...]
    holds: dict[str, dict[str, Any]]

    def kept(self, erasure: dict[str, Any]) -> dict[str, set[str]]:
        """Category to the purposes that may go on using it, for what the law keeps of what was asked to be erased."""
        kept: dict[str, set[str]] = {}
        for name, hold in self.holds.items():
            applies = hold.get("applies", "stated") == "always" or name in erasure["holds"]
            for category in hold["categories"] if applies else ():
                if not erasure["categories"] or category in erasure["categories"]:
                    kept.setdefault(category, set()).update(hold["purposes"])
        return kept


def promises_of(folder: Path) -> Promises:
    """The promises in ``folder``."""
    tables = tomllib.loads((folder / "catalogue.toml").read_text())
    classes = _by_id(tables["message_classes"])
    purposes = _by_id(tables["purposes"])
    for purpose in purposes.values():
        declinable = classes[purpose["message_class"]].get("declinable", True)
        purpose["declinable"] = declinable or purpose["basis"] == "consent"
    return Promises(purposes, tuple(tables["categories"]), _by_id(tables.get("holds", {})))


def _by_id(tables: object) -> dict[str, dict[str, Any]]:
    """A list of tables with ids, or tables by id: the file may use either."""
    if isinstance(tables, dict):
        return {name: dict(table) for name, table in tables.items()}
    assert isinstance(tables, list)
    return {table["id"]: dict(table) for table in tables}
