"""Standing rebuilt from the log into a scratch schema, up to the very positions of the live one, and compared.

The life of a replay: the live positions and rows are copied at one moment (:mod:`scratch`); every partition is read
again, from Kafka or from an export (:mod:`record_sources`), from its genesis record to its copied position, and
folded by the same code as the worker's (:mod:`ledger.read_model.folding`); then the database compares the two row by
row (:mod:`comparison`). The running system notices nothing but the reads.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import msgspec

from ledger.audit.comparison import TABLES, Difference, ReusedEventId, compare, reused_event_ids
from ledger.audit.doubts import Doubts
from ledger.audit.record_sources import RecordSource
from ledger.audit.scratch import APPLICATION_NAME, Cut, LivePosition, Scratch, open_scratch
from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation
from ledger.event_log.codec import decode
from ledger.event_log.genesis import GenesisRecord
from ledger.event_log.partitioner import partition_of
from ledger.read_model import pool, sql
from ledger.read_model.folding import claims, repeats, writing
from ledger.read_model.folding.batch import BatchFold
from ledger.read_model.folding.catalogue_lane import CatalogueFold
from ledger.read_model.folding.records import (
    Folded,
    Partition,
    Progress,
    RawRecord,
    SetAside,
    record_digest,
)

__all__ = ["ReplayReport", "replay"]

DIFFERENCES_SHOWN: Final = 20

Advance = Callable[[int, int], None]
"""Called with (records folded so far, records in all)."""


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found. ``differences`` are bounded, ``difference_count`` is not; ``schema`` if it was kept.

    ``left_out_subjects`` have records beyond the positions that were compared, and were not.
    """

    controllers: tuple[str, ...]
    positions: dict[str, str]
    partitions: int
    records: int
    fold_seconds: float
    compare_seconds: float
    rows: dict[str, int]
    outcomes: dict[str, int]
    difference_count: dict[str, int]
    differences: tuple[Difference, ...]
    reused_event_id_count: int
    reused_event_ids: tuple[ReusedEventId, ...]
    schema: str | None
    leftovers: tuple[str, ...]
    left_out_subjects: int = 0

    @property
    def total_differences(self) -> int:
        return sum(self.difference_count.values())

    @property
    def is_clean(self) -> bool:
        """No difference, and no event id that counts twice."""
        return self.total_differences == 0 and self.reused_event_id_count == 0


async def replay(
    source: RecordSource,
    dsn: str,
    controllers: Sequence[str] | None = None,
    *,
    keep: bool = False,
    cut: Cut | None = None,
    shown: int = DIFFERENCES_SHOWN,
    advance: Advance | None = None,
) -> ReplayReport:
    """Rebuilds and compares ``controllers`` (all if None); changes nothing but its own scratch schema.

    Compares at the live positions, or at ``cut`` where the read model has come further than that.

    Raises ``IntegrityViolation`` (``log_recreated``, ``log_truncated``, ``log_gap``) when the log is not the one that the live
    read model was folded from, or lacks records of it; ``Unavailable`` when Kafka or Postgres is down.
    """
    async with open_scratch(dsn, controllers, keep=keep, cut=cut) as scratch:
        started = time.monotonic()
        records = await _rebuild(source, scratch, advance or _unseen)
        folded = time.monotonic()
        left_out = await scratch.left_out()
        report = await _compared(scratch, shown)
        return msgspec.structs.replace(
            report,
            records=records,
            fold_seconds=folded - started,
            compare_seconds=time.monotonic() - folded,
            left_out_subjects=left_out,
            schema=scratch.schema if keep else None,
        )


async def _rebuild(source: RecordSource, scratch: Scratch, advance: Advance) -> int:
    writer = await writing.open_writer(scratch.dsn, application_name=APPLICATION_NAME, schema=scratch.schema)
    try:
        with pool.translated():
            await writer.fetch(sql.load("audit_session"))
        total = sum(live.records for live in scratch.positions)
        done, doubts = 0, Doubts()
        advance(done, total)
        for live in scratch.positions:
            async for count in _fold_partition(source, scratch, writer, live, doubts):
                done += count
                advance(done, total)
        await doubts.settle(writer, scratch)
        return done
    finally:
        await writer.close(timeout=pool.CONNECT_TIMEOUT_SECONDS)


async def _fold_partition(
    source: RecordSource, scratch: Scratch, writer: Any, live: LivePosition, doubts: Doubts
) -> AsyncIterator[int]:
    """Folds one partition up to its live position; yields the number of records of each batch written."""
    partition, genesis = await _genesis(source, live)
    digest = record_digest(genesis.key, genesis.value, genesis.broker_ms)
    await claims.create(writer, partition, digest, genesis.broker_ms)
    (taken,) = await claims.take(writer, [partition.key], APPLICATION_NAME)
    set_aside = await scratch.set_aside(live)
    progress = taken.progress
    async for records in source.records(live, progress.next_offset):
        folded = await _fold_batch(writer, partition, progress, records, set_aside)
        await writing.write(writer, [writing.OwnedBatch(folded, taken.owner)])
        doubts.note(folded, records)
        progress = folded.after
        yield folded.records
    if progress.next_offset != live.next_offset:
        raise IntegrityViolation(
            "log_gap",
            f"{live.topic}, partition {live.partition}, ends at offset {progress.next_offset}; "
            f"the read model was folded to {live.next_offset}.",
        )


async def _fold_batch(
    writer: Any,
    partition: Partition,
    progress: Progress,
    records: Sequence[RawRecord],
    set_aside: SetAside,
) -> Folded:
    if partition.lane is Lane.CATALOGUE:
        published = await repeats.published_versions(writer, partition)
        catalogue = CatalogueFold(partition, progress, decode, published, set_aside=set_aside)
        catalogue.take_all(records)
        return catalogue.finish()
    batch = BatchFold(partition, progress, decode, partition_of, set_aside=set_aside)
    batch.take_all(records)
    return batch.finish(await repeats.first_counted(writer, partition, batch.asked))


async def _genesis(source: RecordSource, live: LivePosition) -> tuple[Partition, GenesisRecord]:
    """The genesis record of the partition, which must be the one that the live fold began behind."""
    found = await source.genesis(live)
    if found is None or (found.genesis.log_id, found.genesis.generation, found.genesis.genesis_id) != (
        live.log_id,
        live.generation,
        live.genesis_id,
    ):
        raise IntegrityViolation(
            "log_recreated",
            f"{live.topic}, partition {live.partition}, does not begin with the genesis record that was folded.",
        )
    partition = Partition(
        log_id=live.log_id,
        generation=live.generation,
        lane=live.lane,
        partition=live.partition,
        partitions=found.genesis.partitions,
        controller_id=live.controller_id,
        controller=live.controller,
        topic=live.topic,
        genesis_id=live.genesis_id,
    )
    return partition, found


async def _compared(scratch: Scratch, shown: int) -> ReplayReport:
    connection = scratch.connection
    with pool.translated():
        await connection.execute(sql.load("audit_analyze"))
        rows = dict(await connection.fetchrow(sql.load("audit_counts")))
        outcomes = await connection.fetch(sql.load("audit_outcomes"))
    counts: dict[str, int] = {}
    differences: list[Difference] = []
    for table in TABLES:
        counts[table], found = await compare(connection, table, shown)
        differences += found
    reused_count, reused = await reused_event_ids(connection, shown)
    return ReplayReport(
        controllers=scratch.controllers,
        positions={name: scratch.position_of(name).encode() for name in scratch.controllers},
        partitions=len(scratch.positions),
        records=0,
        fold_seconds=0.0,
        compare_seconds=0.0,
        rows=rows,
        outcomes={row["outcome"]: row["records"] for row in outcomes},
        difference_count=counts,
        differences=tuple(differences),
        reused_event_id_count=reused_count,
        reused_event_ids=tuple(reused),
        schema=None,
        leftovers=scratch.leftovers,
    )


def _unseen(done: int, total: int) -> None:
    """Nobody watches."""
