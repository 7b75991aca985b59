"""The catalogue that an erasure goes by: the one in force when the step is taken."""

import time
from typing import Any

from ledger.domain.catalogue import Catalogue, parse_document
from ledger.read_model import pool, records

__all__ = ["catalogue_in_force"]


async def catalogue_in_force(connections: Any, controller_id: int) -> Catalogue | None:
    """The controller's catalogue now, or None when none was published; through a pool of the read model.

    Raises ``Rejected`` for one that cannot be read: what the law keeps is then not known, so nothing is destroyed.
    """
    now_ms = time.time_ns() // 1_000_000
    async with pool.borrowed(connections) as connection:
        version = await records.catalogue_in_force(connection, controller_id, now_ms)
        if version is None:
            return None
        document = await records.catalogue_document(connection, controller_id, version)
    return None if document is None else parse_document(document)
