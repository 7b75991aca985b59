"""The one transaction of a batch: position by compare-and-set first, then history, standing, quarantine, catalogue,
and last the doubts that it ends.

Durable when :func:`write` returns. Killed or cut off at any point, either everything of the batch stands or nothing;
after an error whose outcome is unknown the position row says which. Safe against a second writer of the same
partition: its compare-and-set touches no row, and it raises instead of writing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from ledger.domain.rows import WHOLE_SHAPES, Half, Row
from ledger.errors import Conflict
from ledger.read_model import pool, sql
from ledger.read_model.folding.batch import merged_standing
from ledger.read_model.folding.records import Folded, PartitionKey, Settled, StandingKey

__all__ = ["OwnedBatch", "PositionMoved", "Step", "open_writer", "write", "write_settled"]

Step = Callable[[str], None]
"""Called by name between the steps of a transaction; a fault test ends or stops the process in it."""

HISTORY_COLUMNS: Final = (
    "controller_id", "generation", "lane", "partition", "offset", "subject_id", "event_id", "act_id", "event_type",
    "schema_fp", "broker_ms", "stamp_ms", "clock_floor_ms", "rank_ms", "rank_seq", "effective_from_ms", "outcome",
    "content_digest", "record_digest", "body",
)  # fmt: skip
QUARANTINE_COLUMNS: Final = (
    "controller_id", "generation", "lane", "partition", "offset", "subject_id", "reason", "event_id", "broker_ms",
    "stamp_ms", "clock_floor_ms", "record_digest",
)  # fmt: skip
# Where a row of history has what an admitted record adds to it: the key, then the columns of ``quarantine_admit``.
ADMITTED_COLUMNS: Final = (0, 1, 2, 3, 4, 6, 7, 8, 9, 13, 14, 15, 16, 17, 19)
CATALOGUE_COLUMNS: Final = (
    "controller_id", "version", "generation", "lane", "partition", "offset", "broker_ms", "effective_from_ms",
    "digest", "document",
)  # fmt: skip
STANDING_COLUMNS: Final = (
    "controller_id", "subject_id", "row_key", "shape", "voice", "kind", "purpose", "purpose_group", "channel",
    "recipient", "item", "category", "instance", "value", "rank_ms", "rank_seq", "event_id", "generation", "lane",
    "partition", "offset", "effective_from_ms", "until_ms", "notice", "verified", "capture", "revision", "stamp_ms",
    "waited_ms", "other_subject_id",
)  # fmt: skip
SECOND_COLUMNS: Final = (
    "second_value", "second_rank_ms", "second_rank_seq", "second_event_id", "second_generation", "second_lane",
    "second_partition", "second_offset",
)  # fmt: skip
_NO_HALF: Final = (None,) * 8
_NO_DETAIL: Final = (None,) * 9


class OwnedBatch(NamedTuple):
    """One folded batch of a partition, and the owner id under which the writer claimed it."""

    folded: Folded
    owner: bytes


class PositionMoved(Conflict):
    """A position is not where this batch started, or has another owner: nothing of the batch was written."""

    def __init__(self, lost: Sequence[PartitionKey]) -> None:
        self.lost = tuple(lost)
        super().__init__("position_moved", count=len(lost))


async def open_writer(dsn: str, *, application_name: str, schema: str) -> Any:
    """A connection of the caller's own that :func:`write` can use, on the read model in ``schema``."""
    connection = await pool.connect(dsn, application_name=application_name, schema=schema)
    with pool.translated():
        await connection.execute(sql.load("fold_session"))
        await connection.execute(sql.load("fold_batch_table"))
    return connection


async def write(connection: Any, batches: Sequence[OwnedBatch], *, step: Step | None = None) -> None:
    """Writes the batches, at most one for each partition, in one transaction; durable on return.

    Raises ``PositionMoved`` and writes nothing when any of the positions is not where its batch started or not the
    owner's; ``Unavailable`` when Postgres went away, and then the position row knows whether it was written.
    """
    reached = step or _nothing
    folded = [batch.folded for batch in batches]
    with pool.translated():
        async with connection.transaction():
            await _advance(connection, batches)
            reached("after_cas")
            history = [row for batch in folded for row in batch.history]
            rows = history if step is None else _stepping(history, step)
            await connection.copy_records_to_table("history", records=rows, columns=HISTORY_COLUMNS)
            await _join_standing(connection, merged_standing(folded))
            await _copy(connection, "quarantine", QUARANTINE_COLUMNS, (b.quarantine for b in folded))
            await _copy(connection, "catalogue", CATALOGUE_COLUMNS, (b.catalogue for b in folded))
            for batch in folded:
                if batch.settled is not None:
                    await _end_doubts(connection, batch.settled)
            reached("before_commit")
    reached("after_commit")


async def write_settled(connection: Any, settled: Settled) -> None:
    """Writes what resolutions amount to, in one transaction: for a replay, which settles them when all is folded."""
    with pool.translated():
        async with connection.transaction():
            await _join_standing(connection, settled.standing)
            await _end_doubts(connection, settled)


async def _end_doubts(connection: Any, settled: Settled) -> None:
    admitted = [tuple(row[column] for column in ADMITTED_COLUMNS) for row in settled.history]
    if admitted:
        await connection.executemany(sql.load("quarantine_admit"), admitted)
    if settled.entries:
        await connection.executemany(sql.load("quarantine_settle"), settled.entries)


async def _advance(connection: Any, batches: Sequence[OwnedBatch]) -> None:
    asked: dict[PartitionKey, OwnedBatch] = {batch.folded.partition.key: batch for batch in batches}
    keys = sorted(asked)
    before = [asked[key].folded.before for key in keys]
    after = [asked[key].folded.after for key in keys]
    moved = await connection.fetch(
        sql.load("fold_advance"),
        *(list(column) for column in zip(*keys, strict=True)),
        [asked[key].owner for key in keys],
        [progress.next_offset for progress in before],
        [progress.next_offset for progress in after],
        [progress.last_digest for progress in after],
        [progress.stamp_ms for progress in after],
        [progress.clock_floor_ms for progress in after],
    )
    if len(moved) != len(keys):
        raise PositionMoved(sorted(set(keys) - {PartitionKey(*row) for row in moved}))


async def _join_standing(connection: Any, rows: dict[StandingKey, Row]) -> None:
    whole = [_whole(key, row) for key, row in rows.items() if row.shape in WHOLE_SHAPES]
    halves = [
        (*_whole(key, row), *_half(row.second)) for key, row in rows.items() if row.shape not in WHOLE_SHAPES
    ]
    if whole:
        await connection.copy_records_to_table("batch_standing", records=whole, columns=STANDING_COLUMNS)
        await connection.execute(sql.load("fold_standing_whole"))
    if halves:
        columns = STANDING_COLUMNS + SECOND_COLUMNS
        await connection.copy_records_to_table("batch_standing", records=halves, columns=columns)
        await connection.execute(sql.load("fold_standing_halves"))


async def _copy(
    connection: Any, table: str, columns: tuple[str, ...], parts: Iterable[list[tuple[Any, ...]]]
) -> None:
    rows = [row for part in parts for row in part]
    if rows:
        await connection.copy_records_to_table(table, records=rows, columns=columns)


def _whole(key: StandingKey, row: Row) -> tuple[Any, ...]:
    detail = row.detail
    tail = _NO_DETAIL
    if detail is not None:
        tail = (
            detail.effective_from_ms,
            detail.until_ms,
            detail.notice,
            detail.verified,
            detail.capture,
            detail.revision,
            detail.stamp_ms,
            detail.waited_ms,
            detail.other_subject_id,
        )  # type: ignore[assignment]
    return (
        *key,
        row.shape,
        row.voice,
        row.kind,
        row.purpose,
        row.purpose_group,
        row.channel,
        row.recipient,
        row.item,
        row.category,
        row.instance,
        *_half(row.first),
        *tail,
    )


def _half(half: Half | None) -> tuple[Any, ...]:
    if half is None:
        return _NO_HALF
    return (
        half.value,
        half.rank_ms,
        half.rank_seq,
        half.event_id,
        half.generation,
        half.lane,
        half.partition,
        half.offset,
    )


def _nothing(_name: str) -> None:
    return


def _stepping(rows: list[tuple[Any, ...]], step: Step) -> Iterator[tuple[Any, ...]]:
    middle = len(rows) // 2
    for index, row in enumerate(rows):
        if index == middle:
            step("inside_copy")
        yield row
