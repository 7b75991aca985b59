"""What the read model knows beside standing: logs of controllers, catalogues, and the records of a subject.

Each function is one query on a connection of the caller's.
"""

from typing import Any, NamedTuple

from ledger.domain.events import Lane
from ledger.read_model import sql

__all__ = [
    "ActRecord",
    "CatalogueVersion",
    "HistoryPlace",
    "HistoryRecord",
    "LogOfController",
    "act_records",
    "catalogue_document",
    "catalogue_in_force",
    "history",
    "log_of_controller",
]


class LogOfController(NamedTuple):
    """The newest generation of a controller's log, as the control tables have it."""

    log_id: bytes
    generation: int
    partitions: int


class CatalogueVersion(NamedTuple):
    """Which document is in force; one with another digest is another document."""

    version: int
    digest: bytes


class HistoryPlace(NamedTuple):
    """Where a page ended: the order of a subject's records is stamp, then coordinates."""

    stamp_ms: int
    generation: int
    lane: int
    partition: int
    offset: int


class HistoryRecord(NamedTuple):
    """One record of a subject. ``body`` are its bytes on the log; None for what was set aside."""

    place: HistoryPlace
    event_id: bytes | None
    act_id: bytes | None
    event_type: str | None
    broker_ms: int
    effective_from_ms: int | None
    outcome: str
    body: bytes | None

    @property
    def lane(self) -> Lane:
        return Lane.of_number(self.place.lane)


class ActRecord(NamedTuple):
    """Where one event of an act stands."""

    partition: int
    offset: int
    broker_ms: int


async def log_of_controller(connection: Any, controller_id: int) -> LogOfController | None:
    """The controller's log, or None when it has none."""
    row = await connection.fetchrow(sql.load("log_of_controller"), controller_id)
    return None if row is None else LogOfController(*row)


async def catalogue_in_force(connection: Any, controller_id: int, now_ms: int) -> CatalogueVersion | None:
    """The version in force at ``now_ms``, or None when nothing was published."""
    row = await connection.fetchrow(sql.load("read_catalogue_in_force"), controller_id, now_ms)
    return None if row is None else CatalogueVersion(*row)


async def catalogue_document(connection: Any, controller_id: int, version: CatalogueVersion) -> str | None:
    """The canonical JSON of a version."""
    document: str | None = await connection.fetchval(
        sql.load("read_catalogue_document"), controller_id, version.version, version.digest
    )
    return document


async def history(
    connection: Any, controller_id: int, subject_id: bytes, after: HistoryPlace | None, limit: int
) -> list[HistoryRecord]:
    """At most ``limit`` records of a subject, oldest first, behind ``after``."""
    place: tuple[int | None, ...] = after if after is not None else (None,) * 5
    rows = await connection.fetch(sql.load("read_history"), controller_id, subject_id, *place, limit)
    return [
        HistoryRecord(
            place=HistoryPlace(row[8], row[0], row[1], row[2], row[3]),
            event_id=row[4],
            act_id=row[5],
            event_type=row[6],
            broker_ms=row[7],
            effective_from_ms=row[9],
            outcome=row[10],
            body=row[11],
        )
        for row in rows
    ]


async def act_records(
    connection: Any, controller_id: int, subject_id: bytes, act_id: bytes
) -> dict[bytes, ActRecord]:
    """Where the counted events of an act stand, by event id; empty before they are folded."""
    rows = await connection.fetch(sql.load("read_act_records"), controller_id, subject_id, act_id)
    return {row[0]: ActRecord(row[1], row[2], row[3]) for row in rows}
