"""When nothing can be on its way any more under the id of somebody who is being erased.

After the block: every cache of the id has run out, every append that was begun with it has been acknowledged or given
up; *then* both lanes' ends are read, and the fold must have passed them. Only then are suppressions taken from
standing (races.md, D3 and D4; first-build.md, "Settled").
"""

from collections.abc import Sequence
from typing import Any, Final

from aiokafka import TopicPartition

from ledger.domain.envelope import Lane
from ledger.errors import Unavailable
from ledger.event_log import broker
from ledger.event_log.partitioner import partition_of
from ledger.event_log.topics import topic_name
from ledger.read_model import pool, records, sql
from ledger.vault.directory import Controller

__all__ = ["End", "Settling", "Waits"]

End = tuple[int, int, int]
"""Partition, number of the lane, next offset."""

_LANES: Final = (Lane.LIVE, Lane.BACKFILL)


class Waits:
    """How long a subject id may be kept, and an append under it may take, by the slowest producer there ever was.

    ``cache_seconds`` and ``append_seconds`` are this process's own settings, below which no registered wait counts.
    """

    def __init__(
        self, connections: Any, cache_seconds: float, append_seconds: float, margin_seconds: float
    ) -> None:
        self._connections = connections
        self._cache_seconds = cache_seconds
        self._append_seconds = append_seconds
        self._margin_seconds = margin_seconds

    async def total_ms(self) -> int:
        """Milliseconds from the block until nothing is on its way."""
        async with pool.borrowed(self._connections) as connection:
            row = await connection.fetchrow(sql.load("producer_wait_find"))
        cache, append = (0.0, 0.0) if row is None else (row["cache_seconds"], row["append_seconds"])
        seconds = max(cache, self._cache_seconds) + max(append, self._append_seconds) + self._margin_seconds
        return int(seconds * 1000)


class Settling:
    """Reads how far a controller's lanes reach, and whether they are folded past that."""

    def __init__(self, bootstrap: str, connections: Any) -> None:
        self._bootstrap = bootstrap
        self._connections = connections

    async def ends(self, controller: Controller, subject_ids: Sequence[bytes]) -> tuple[End, ...]:
        """The ends, now, of every partition of both lanes that records of these subjects can be in."""
        async with pool.borrowed(self._connections) as connection:
            log = await records.log_of_controller(connection, controller.id)
        if log is None:
            raise Unavailable("log_not_ready")
        partitions = sorted({partition_of(subject_id, log.partitions) for subject_id in subject_ids})
        places = {
            TopicPartition(topic_name(controller.name, lane), partition): (partition, lane.number)
            for lane in _LANES
            for partition in partitions
        }
        async with broker.reading(self._bootstrap) as consumer:
            found = await consumer.end_offsets(list(places))
        return tuple((*places[place], found[place]) for place in places)

    async def is_folded_past(self, controller: Controller, ends: Sequence[End]) -> bool:
        """Whether the read model has taken in everything before ``ends``."""
        async with pool.borrowed(self._connections) as connection:
            log = await records.log_of_controller(connection, controller.id)
            if log is None:
                raise Unavailable("log_not_ready")
            rows = await connection.fetch(
                sql.load("read_positions"),
                [log.log_id] * len(ends),
                [log.generation] * len(ends),
                [lane for _, lane, _ in ends],
                [partition for partition, _, _ in ends],
            )
        reached = {(row["partition"], row["lane"]): row["next_offset"] for row in rows}
        return all(reached.get((partition, lane), 0) >= end for partition, lane, end in ends)
