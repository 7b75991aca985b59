"""The copy of the live read model held against a rebuilt one, row by row and in both directions, in the database.

Both lie in one scratch schema, which is the connection's search_path: the rebuilt tables under their own names, the
copy as ``live_…``. Only differing rows leave the database, and of those a bounded number.
"""

from typing import Any, Final

import msgspec

from ledger.read_model import pool, sql

__all__ = ["TABLES", "Difference", "ReusedEventId", "compare", "reused_event_ids"]

TABLES: Final = ("position", "catalogue", "quarantine", "standing", "history")
"""From what explains much to what explains little: a wrong position makes every other difference uninteresting."""

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "position": ("lane", "partition"),
    "catalogue": ("version",),
    "quarantine": ("lane", "partition", "offset"),
    "standing": ("subject_id", "shape", "voice", "kind", "purpose", "purpose_group", "channel", "instance"),
    "history": ("lane", "partition", "offset"),
}
_LANES: Final = ("live", "backfill", "catalogue", "evidence")
_HEX_MARK: Final = "\\x"
SHOWN_VALUE_CHARACTERS: Final = 80


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One row that is not as the log says. ``live`` or ``rebuilt`` is None where the row is missing there."""

    table: str
    place: str
    fields: tuple[str, ...]
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None

    def words(self) -> str:
        """The difference in one line."""
        where = f"{self.table} {self.place}"
        if self.live is None:
            return f"{where}: missing in the live read model, the log has it"
        if self.rebuilt is None:
            return f"{where}: in the live read model, but nothing on the log accounts for it"
        changed = ", ".join(
            f"{name} is {_shown(self.live.get(name))}, the log says {_shown(self.rebuilt.get(name))}"
            for name in self.fields
        )
        return f"{where}: {changed or 'its body is not the one on the log'}"


class ReusedEventId(msgspec.Struct, frozen=True, kw_only=True):
    """An event id that counts more than once for one subject: its producer denied that it was a repeat."""

    controller_id: int
    lane: str
    subject_id: str
    event_id: str
    records: int
    contents: int
    first_stamp_ms: int
    places: tuple[str, ...]

    def words(self) -> str:
        """The finding in one line."""
        said = "with the same content" if self.contents == 1 else f"with {self.contents} different contents"
        return f"event id {self.event_id} counts {self.records} times {said}, at {', '.join(self.places)} ({self.lane})"


async def compare(connection: Any, table: str, shown: int) -> tuple[int, list[Difference]]:
    """How many rows of ``table`` differ, and the first ``shown`` of them."""
    with pool.translated():
        rows = await connection.fetch(sql.load(f"audit_compare_{table}"), shown)
    differences = [_difference(table, _decoded(row["live"]), _decoded(row["rebuilt"])) for row in rows]
    return (rows[0]["total"] if rows else 0), differences


async def reused_event_ids(connection: Any, shown: int) -> tuple[int, list[ReusedEventId]]:
    """How many event ids of the rebuilt history count more than once, and the first ``shown`` of them."""
    with pool.translated():
        rows = await connection.fetch(sql.load("audit_reused_event_ids"), shown)
    found = [
        ReusedEventId(
            controller_id=row["controller_id"],
            lane=_LANES[row["lane"]],
            subject_id=row["subject_id"].hex(),
            event_id=row["event_id"].hex(),
            records=row["records"],
            contents=row["contents"],
            first_stamp_ms=row["first_stamp_ms"],
            places=tuple(row["places"]),
        )
        for row in rows
    ]
    return (rows[0]["total"] if rows else 0), found


def _difference(table: str, live: dict[str, Any] | None, rebuilt: dict[str, Any] | None) -> Difference:
    known = live or rebuilt or {}
    fields: tuple[str, ...] = ()
    if live is not None and rebuilt is not None:
        fields = tuple(name for name in live if live[name] != rebuilt.get(name))
    return Difference(table=table, place=_place(table, known), fields=fields, live=live, rebuilt=rebuilt)


def _place(table: str, row: dict[str, Any]) -> str:
    parts = []
    for name in _KEYS[table]:
        value = row.get(name)
        if value in (None, ""):
            continue
        parts.append(f"{name} {_LANES[value] if name == 'lane' else value}")
    return ", ".join(parts)


def _decoded(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    row: dict[str, Any] = msgspec.json.decode(text)
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """Bytes and uuids as bare hex, as everywhere else in the ledger's output."""
    if not isinstance(value, str):
        return value
    if value.startswith(_HEX_MARK):
        return value.removeprefix(_HEX_MARK)
    if len(value) == 36 and value.count("-") == 4:
        return value.replace("-", "")
    return value


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_VALUE_CHARACTERS else text[:SHOWN_VALUE_CHARACTERS] + "…"
