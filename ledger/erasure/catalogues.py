"""The catalogue that an erasure goes by: the one in force when the step is taken, and certainly that one.

What the law keeps and who must be told is read from it. So a read model that has not folded the catalogue's lane to its
end (after a restore, say) is no answer: without this check, nothing folded yet would pass for nothing kept.
"""

import time
from typing import Any, Final

from aiokafka import TopicPartition

from ledger.domain.catalogue import Catalogue, parse_document
from ledger.domain.envelope import Lane
from ledger.errors import Unavailable
from ledger.event_log import broker
from ledger.event_log.topics import topic_name
from ledger.read_model import pool, records, sql
from ledger.vault.directory import Controller

__all__ = ["Catalogues"]

KEPT_SECONDS: Final = 1.0


class Catalogues:
    """Catalogues in force, through a pool of the read model; each believed for a second."""

    def __init__(self, bootstrap: str, connections: Any) -> None:
        self._bootstrap = bootstrap
        self._connections = connections
        self._kept: dict[int, tuple[Catalogue | None, float]] = {}

    async def in_force(self, controller: Controller) -> Catalogue | None:
        """The controller's catalogue now, or None when none was ever published.

        Raises ``Unavailable(catalogue_not_folded)`` while the read model does not know, and ``Rejected`` for one that
        cannot be read: what the law keeps is then not known, so nothing is destroyed.
        """
        kept = self._kept.get(controller.id)
        asked_at = time.monotonic()
        if kept is not None and asked_at - kept[1] < KEPT_SECONDS:
            return kept[0]
        found = await self._read(controller)
        self._kept[controller.id] = (found, asked_at)
        return found

    async def _read(self, controller: Controller) -> Catalogue | None:
        place = TopicPartition(topic_name(controller.name, Lane.CATALOGUE), 0)
        async with broker.reading(self._bootstrap) as consumer:
            end = (await consumer.end_offsets([place]))[place]
        async with pool.borrowed(self._connections) as connection:
            log = await records.log_of_controller(connection, controller.id)
            if log is None:
                raise Unavailable("log_not_ready")
            rows = await connection.fetch(
                sql.load("read_positions"), [log.log_id], [log.generation], [Lane.CATALOGUE.number], [0]
            )
            if not rows or rows[0]["next_offset"] < end:
                raise Unavailable("catalogue_not_folded")
            version = await records.catalogue_in_force(connection, controller.id, time.time_ns() // 1_000_000)
            if version is None:
                return None
            document = await records.catalogue_document(connection, controller.id, version)
        return None if document is None else parse_document(document)
