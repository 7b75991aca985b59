"""What stands already of the records in a batch: earlier records of the same event id, published catalogues."""

from collections.abc import Sequence
from typing import Any

from ledger.domain.events import Lane
from ledger.read_model import pool, sql
from ledger.read_model.folding.batch import EventKey
from ledger.read_model.folding.records import Partition

__all__ = ["first_counted", "published_versions"]


async def first_counted(
    connection: Any, partition: Partition, asked: Sequence[EventKey]
) -> dict[EventKey, bytes]:
    """The content digest of the first counted record of each event id asked for, of this lane, where there is one.

    Looks in this and earlier generations. Must be called when everything before the batch is committed: the
    position's compare-and-set then proves that nothing came between.
    """
    if not asked:
        return {}
    wanted = set(asked)
    with pool.translated():
        rows = await connection.fetch(
            sql.load("fold_repeats"),
            partition.controller_id,
            list({subject_id for subject_id, _ in wanted}),
            list({event_id for _, event_id in wanted}),
            partition.lane.number,
            partition.generation,
        )
    found: dict[EventKey, bytes] = {}
    for subject_id, event_id, content in rows:
        if (subject_id, event_id) in wanted:
            found[subject_id, event_id] = content
    return found


async def published_versions(connection: Any, partition: Partition) -> dict[int, bytes]:
    """The digests of the controller's catalogue versions that stand, by version."""
    if partition.lane is not Lane.CATALOGUE:
        return {}
    with pool.translated():
        rows = await connection.fetch(sql.load("fold_published_versions"), partition.controller_id)
    return {row["version"]: row["digest"] for row in rows}
