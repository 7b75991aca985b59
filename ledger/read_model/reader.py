"""The read model as a decision needs it: where the subject's partitions stand, and its rows, in one snapshot.

Life of a question: it waits for one of two connections, shares a query with all that wait, and comes back with the
position that was read together with the rows. Nothing is cached here.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ledger.domain.events import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.domain.rows import Row
from ledger.read_model import pool, sql
from ledger.read_model.coalescing import Coalescer
from ledger.read_model.standing_rows import row_of

__all__ = ["LaneState", "SubjectKey", "SubjectView", "ViewReader"]

READ_TIMEOUT_SECONDS: Final = 1.5
"""A check is worth little after this; the SDK gives up at three seconds."""

_LANES: Final = 2
_STATES: Final = ((Lane.LIVE, 1), (Lane.BACKFILL, 5), (Lane.CATALOGUE, 9))
_VERSION: Final = 13
_QUARANTINED: Final = 15
_ROW: Final = 16


class SubjectKey(NamedTuple):
    """A subject, and the log and partition that it is in."""

    controller_id: int
    log_id: bytes
    generation: int
    partition: int
    subject_id: bytes


class LaneState(msgspec.Struct, frozen=True):
    """How far one partition is folded. ``folded_through_ms`` is broker time, 0 before anybody knew."""

    next_offset: int
    stamp_ms: int
    folded_through_ms: int
    refused: str | None


class SubjectView(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of one subject. A lane that was never folded is None."""

    key: SubjectKey
    live: LaneState | None
    backfill: LaneState | None
    catalogue: LaneState | None
    catalogue_version: int | None
    catalogue_digest: bytes | None
    quarantined: bool
    rows: tuple[Row, ...]

    def lane(self, lane: Lane) -> LaneState | None:
        return {Lane.LIVE: self.live, Lane.BACKFILL: self.backfill, Lane.CATALOGUE: self.catalogue}.get(lane)

    @property
    def refused(self) -> bool:
        """Whether the log of any of its lanes is not the one that was folded."""
        return any(state is not None and state.refused is not None for state in self._states())

    def position(self) -> Position:
        """Everything that was read for this view."""
        partitions = (
            (Lane.LIVE, self.key.partition),
            (Lane.BACKFILL, self.key.partition),
            (Lane.CATALOGUE, 0),
        )
        return Position.of(
            *(
                PositionEntry(
                    log_id=self.key.log_id,
                    generation=self.key.generation,
                    lane=lane,
                    partition=partition,
                    next_offset=state.next_offset,
                    stamp_ms=state.stamp_ms,
                )
                for (lane, partition), state in zip(partitions, self._states(), strict=True)
                if state is not None
            )
        )

    def staleness_ms(self, now_ms: int) -> int | None:
        """The age of the older of live partition and catalogue; None while one of them was never folded through.

        The backfill lane holds no noes, so an old one denies at worst.
        """
        if self.live is None or self.catalogue is None:
            return None
        through_ms = min(self.live.folded_through_ms, self.catalogue.folded_through_ms)
        return max(0, now_ms - through_ms) if through_ms > 0 else None

    def _states(self) -> tuple[LaneState | None, LaneState | None, LaneState | None]:
        return self.live, self.backfill, self.catalogue


class ViewReader:
    """Views of subjects, coalesced over two connections of ``connections`` (a pool of ``pool.create_read_pool``)."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        self._coalescer: Coalescer[SubjectKey, SubjectView] = Coalescer(
            self._fetch, lanes=_LANES, timeout_seconds=READ_TIMEOUT_SECONDS
        )

    async def views(self, keys: Iterable[SubjectKey]) -> dict[SubjectKey, SubjectView]:
        """One view of each subject asked for. Raises ``Unavailable`` within about 1.5 s."""
        asked = list(dict.fromkeys(keys))
        return dict(zip(asked, await self._coalescer.ask(asked), strict=True))

    async def aclose(self) -> None:
        await self._coalescer.aclose()

    async def _fetch(self, keys: list[SubjectKey]) -> Sequence[SubjectView]:
        now_ms = time.time_ns() // 1_000_000
        async with pool.borrowed(self._connections) as connection:
            records = await connection.fetch(
                sql.load("read_subjects"), *(list(column) for column in zip(*keys, strict=True)), now_ms
            )
        return _views(keys, records)


def _views(keys: list[SubjectKey], records: Sequence[Any]) -> list[SubjectView]:
    """One view for each key; the records are sorted by the keys' places, at least one for each."""
    found: list[tuple[tuple[Any, ...], list[Row]]] = []
    for record in records:
        values = tuple(record)
        if len(found) < values[0]:
            found.append((values, []))
        if values[_ROW] is not None:
            found[-1][1].append(row_of(values[_ROW:]))
    return [_view(key, values, rows) for key, (values, rows) in zip(keys, found, strict=True)]


def _view(key: SubjectKey, values: tuple[Any, ...], rows: list[Row]) -> SubjectView:
    live, backfill, catalogue = (_state(values, start) for _, start in _STATES)
    return SubjectView(
        key=key,
        live=live,
        backfill=backfill,
        catalogue=catalogue,
        catalogue_version=values[_VERSION],
        catalogue_digest=values[_VERSION + 1],
        quarantined=values[_QUARANTINED],
        rows=tuple(rows),
    )


def _state(values: tuple[Any, ...], start: int) -> LaneState | None:
    next_offset, stamp_ms, folded_through_ms, refused = values[start : start + 4]
    return None if next_offset is None else LaneState(next_offset, stamp_ms, folded_through_ms, refused)
