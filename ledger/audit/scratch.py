"""A scratch schema for one replay: a copy of the live rows at one moment, beside empty tables to rebuild them in.

The copy is taken in one repeatable-read transaction, so positions and rows belong together, and that transaction
ends with the copy: a snapshot held for the whole replay would stop vacuum (races.md, D44).
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from ledger.domain.events import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import NotFound
from ledger.read_model import pool, sql
from ledger.read_model.folding.records import Place
from ledger.read_model.migrate import create_read_model

__all__ = ["Cut", "LivePosition", "Scratch", "open_scratch"]

COPIED_TABLES: Final = ("position", "standing", "history", "quarantine", "catalogue")
APPLICATION_NAME: Final = "ledger-audit"
FOUND_AGAIN: Final = ("conflicting_event_id", "conflicting_catalogue_version")

Cut = Mapping[tuple[Lane, int], int]
"""By lane and partition, the offset up to which is compared where the live read model has come further."""


class LivePosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far the live fold had come in one partition when the copy was taken, and which log it was."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    controller_id: int
    controller: str
    topic: str
    genesis_id: bytes
    next_offset: int
    stamp_ms: int

    @property
    def records(self) -> int:
        """Records behind the genesis record."""
        return self.next_offset - 1

    def entry(self) -> PositionEntry:
        return PositionEntry(
            log_id=self.log_id,
            generation=self.generation,
            lane=self.lane,
            partition=self.partition,
            next_offset=self.next_offset,
            stamp_ms=self.stamp_ms,
        )


class Scratch(msgspec.Struct, kw_only=True):
    """An open scratch schema. ``connection`` has it as its search_path and no statement timeout."""

    dsn: str
    schema: str
    connection: Any
    controllers: tuple[str, ...]
    positions: tuple[LivePosition, ...]
    leftovers: tuple[str, ...]
    is_cut: bool = False

    def position_of(self, controller: str) -> Position:
        """The controller's position at the moment of the copy, over all its partitions."""
        return Position.of(*(live.entry() for live in self.positions if live.controller == controller))

    async def set_aside(self, live: LivePosition) -> dict[int, str]:
        """Offsets of the records that the live fold took for doubtful, with the reason that it had then.

        A later version may read a schema that was unknown: what it makes of the record is for an event to say. A
        used event id is left to be found again, since it is a matter of the log alone.
        """
        with pool.translated():
            rows = await self.connection.fetch(
                sql.load("audit_set_aside"),
                live.controller_id,
                live.generation,
                live.lane.number,
                live.partition,
                FOUND_AGAIN,
            )
        return {row["offset"]: row["reason"] for row in rows}

    async def refused_admissions(self) -> dict[int, dict[Place, frozenset[bytes]]]:
        """By controller and entry, the admissions that the live fold could not carry out at its time."""
        found: dict[int, dict[Place, frozenset[bytes]]] = {}
        with pool.translated():
            rows = await self.connection.fetch(sql.load("audit_refused_admissions"))
        for controller_id, *place, event_ids in rows:
            found.setdefault(controller_id, {})[Place(*place)] = frozenset(event_ids)
        return found

    async def left_out(self) -> int:
        """Takes out of the rebuilt rows whom the cut has taken out of the live ones; how many subjects that are."""
        if not self.is_cut:
            return 0
        with pool.translated():
            await self.connection.execute(sql.load("audit_cut_rebuilt"))
            count: int = await self.connection.fetchval(sql.load("audit_later_subjects"))
        return count


@asynccontextmanager
async def open_scratch(
    dsn: str, controllers: Sequence[str] | None, *, keep: bool, cut: Cut | None = None
) -> AsyncIterator[Scratch]:
    """A scratch schema filled from the live rows of ``controllers`` (all if None); dropped on leaving unless kept.

    With a ``cut`` (of one controller) the copy is taken back to it.
    Raises ``NotFound(controller_unknown)``, ``Unavailable`` when Postgres is down.
    """
    schema = f"replay_{os.urandom(6).hex()}"
    connection = await pool.connect(
        dsn, application_name=APPLICATION_NAME, schema=schema, statement_timeout_ms=0
    )
    try:
        with pool.translated():
            ids = await _controller_ids(connection, controllers)
            leftovers = [row["name"] for row in await connection.fetch(sql.load("audit_leftovers"))]
        await create_read_model(connection, schema)
        try:
            with pool.translated():
                await _copy(connection, list(ids.values()))
                if cut is not None:
                    await _take_back(connection, cut)
                positions = tuple(
                    _live_position(row) for row in await connection.fetch(sql.load("audit_positions"))
                )
            yield Scratch(
                dsn=dsn,
                schema=schema,
                connection=connection,
                controllers=tuple(ids),
                positions=positions,
                leftovers=tuple(leftovers),
                is_cut=cut is not None,
            )
        finally:
            if not keep:
                with pool.translated():
                    await connection.execute(sql.load("schema_drop_scratch").format(schema=f'"{schema}"'))
    finally:
        await connection.close(timeout=pool.CONNECT_TIMEOUT_SECONDS)


async def _controller_ids(connection: Any, names: Sequence[str] | None) -> dict[str, int]:
    rows = await connection.fetch(sql.load("audit_controllers"), None if names is None else list(names))
    found = {row["name"]: row["id"] for row in rows}
    missing = sorted(set(names or ()) - found.keys())
    if missing:
        raise NotFound("controller_unknown", f"There is no controller {', '.join(missing)}.")
    return found


async def _copy(connection: Any, controller_ids: list[int]) -> None:
    await connection.fetch(sql.load("audit_session"))
    await connection.execute(sql.load("audit_copy_tables"))
    async with connection.transaction(isolation="repeatable_read"):
        for table in COPIED_TABLES:
            await connection.execute(sql.load(f"audit_copy_{table}"), controller_ids)


async def _take_back(connection: Any, cut: Cut) -> None:
    rows = [(lane.number, partition, next_offset) for (lane, partition), next_offset in cut.items()]
    await connection.execute(sql.load("audit_cut_tables"))
    await connection.copy_records_to_table("cut", records=rows)
    await connection.execute(sql.load("audit_cut_live"))


def _live_position(row: Any) -> LivePosition:
    return LivePosition(
        log_id=row["log_id"],
        generation=row["generation"],
        lane=Lane.of_number(row["lane"]),
        partition=row["partition"],
        controller_id=row["controller_id"],
        controller=row["controller"],
        topic=row["topic"],
        genesis_id=row["genesis_id"],
        next_offset=row["next_offset"],
        stamp_ms=row["stamp_ms"],
    )
