"""Imports an exported log: the same log elsewhere, record for record, with the times of its origin.

The life of an import: the export is verified; the target must hold nothing, or a part of this very copy; controller
and log are registered as *copying*, so that nothing folds it or appends to it; topics are made that take times from
producers; each partition is written from where it ends, after what stands there was compared; what was written is
read back and compared; topics are switched to the broker's time; how far the copy goes is noted, and the log is
ready. Repeatable after a kill at any point. The evidence topic begins anew, with a genesis record of its own: its
records expire and are in no export.

Partition 0 of the live topic comes last, since its genesis record says to producers that the log is there.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.audit.archive_check import check_archive, require_sound
from ledger.backup.import_target import Present, examine
from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation
from ledger.event_log.archive_copy import COPY_SETTINGS, compare_partition, copy_partition, copying
from ledger.event_log.archive_form import EXPORTED_LANES, Manifest, read_manifest
from ledger.event_log.broker import administering
from ledger.event_log.cluster import alter_settings, create_topics, describe
from ledger.event_log.genesis import expected_genesis, write_genesis
from ledger.event_log.partitioner import PARTITIONER
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import PARTITIONS_BY_SIZE, Log, Topic, topic_name, topics_of
from ledger.event_log.topics import apply, wait_for_topics
from ledger.read_model import pool, sql

__all__ = ["Advance", "ImportReport", "import_log"]

QUERIES: Final = "ledger.backup.queries"
GENESIS_TIMEOUT_S: Final = 60.0
SETTING_TIMEOUT_S: Final = 30.0
LOOK_AGAIN_S: Final = 0.2

Advance = Callable[[int, int], None]
"""Called with (records done, records in all); a record is done when it was read back."""


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do (``dry_run``). ``present``: so many records stood there already."""

    controller: str
    log_id: str
    generation: int
    partitions: int
    topics: tuple[str, ...]
    records: int
    present: int
    copied: int
    already_complete: bool
    dry_run: bool


async def import_log(
    connection: Any,
    bootstrap: str,
    folder: Path,
    *,
    restoring: bool = False,
    dry_run: bool = False,
    advance: Advance | None = None,
) -> ImportReport:
    """Makes the log in ``folder`` on the brokers and in the database of ``connection``; durable on return.

    ``restoring``: the control tables have this log from a backup, or will, so that one which stands on the brokers
    and has more records than the export is the log itself and is left as it is. The caller holds the lock on making
    topics on ``connection``.

    Raises ``Rejected(archive_missing)``, ``IntegrityViolation`` (``archive_damaged`` and what else is wrong with the
    export; ``import_target_differs``, ``import_target_moved``, ``log_truncated``), ``Conflict(import_target_in_use)``,
    ``Unavailable``.
    """
    manifest = read_manifest(folder)
    require_sound(check_archive(folder, fold=False))
    present = await examine(connection, bootstrap, manifest, restoring=restoring)
    report = _report(manifest, present, dry_run=dry_run)
    if dry_run or present.is_complete:
        return report
    copied = await _Import(connection, bootstrap, folder, manifest, present.ends, advance or _unseen).run()
    return msgspec.structs.replace(report, copied=copied)


class _Import:
    """One run, after the target was found fit for it."""

    def __init__(
        self,
        connection: Any,
        bootstrap: str,
        folder: Path,
        manifest: Manifest,
        ends: Mapping[tuple[Lane, int], int],
        advance: Advance,
    ) -> None:
        self._connection = connection
        self._bootstrap = bootstrap
        self._folder = folder
        self._manifest = manifest
        self._ends = ends
        self._advance = advance
        self._log_id = bytes.fromhex(manifest.log_id)
        self._compared = self._copied = 0

    async def run(self) -> int:
        await self._register()
        await self._make_topics()
        places = _in_order(self._manifest)
        for lane, partition in places:
            await self._compare(lane, partition, 0, self._ends.get((lane, partition), 0))
        await self._begin_evidence()
        async with copying(self._bootstrap) as producer:
            for lane, partition in places:
                start = self._ends.get((lane, partition), 0)
                await copy_partition(
                    producer, self._folder, self._manifest, lane, partition, start, self._note_copied
                )
        for lane, partition in places:
            start = self._ends.get((lane, partition), 0)
            await self._compare(lane, partition, start, self._manifest.next_offset(lane, partition))
        await self._switch()
        await self._finish()
        return self._copied

    async def _register(self) -> None:
        manifest = self._manifest
        with pool.translated():
            async with self._connection.transaction():
                await self._connection.execute(
                    sql.load("controller_create"), manifest.controller, size_of(manifest)
                )
                await self._connection.execute(
                    sql.load("log_copy_register", QUERIES),
                    self._log_id,
                    manifest.generation,
                    manifest.controller,
                    manifest.partitions,
                    PARTITIONER,
                )

    async def _make_topics(self) -> None:
        """All topics of the log; those that are copied onto take the times of the records."""
        async with administering(self._bootstrap) as admin:
            topics = topics_of(self._log)
            found = await describe(admin, [topic.name for topic in topics])
            missing = [topic for topic in topics if found.get(topic.name) is None]
            filled = [topic for topic in missing if topic.lane in EXPORTED_LANES]
            # With the other setting from the start: a change takes a moment to reach every broker.
            await create_topics(admin, filled, found.replicas, COPY_SETTINGS)
            await create_topics(admin, [topic for topic in missing if topic not in filled], found.replicas)
            await wait_for_topics(admin, topics)
            for topic in self._copied_topics():
                await _set(admin, topic, COPY_SETTINGS)

    async def _compare(self, lane: Lane, partition: int, start: int, end: int) -> None:
        if start < end:
            await compare_partition(
                self._bootstrap, self._folder, self._manifest, lane, partition, start, end, self._note_compared
            )

    async def _begin_evidence(self) -> None:
        """A genesis record into each partition of the evidence topic that is empty; never two, under the lock."""
        manifest = self._manifest
        async with Appender(self._bootstrap) as appender:
            for partition in range(manifest.partitions):
                if self._ends.get((Lane.EVIDENCE, partition), 0) == 0:
                    genesis = expected_genesis(
                        manifest.controller,
                        self._log_id,
                        manifest.generation,
                        Lane.EVIDENCE,
                        partition,
                        manifest.partitions,
                    )
                    topic = topic_name(manifest.controller, Lane.EVIDENCE)
                    await write_genesis(appender, topic, genesis, GENESIS_TIMEOUT_S)

    async def _switch(self) -> None:
        """From here on the broker's time is the rule, as on every topic of the ledger."""
        async with administering(self._bootstrap) as admin:
            for topic in self._copied_topics():
                await _set(admin, topic, {})

    async def _finish(self) -> None:
        manifest = self._manifest
        with pool.translated():
            async with self._connection.transaction():
                for lane, partition in _in_order(manifest):
                    await self._connection.execute(
                        sql.load("log_copy_extent", QUERIES),
                        self._log_id,
                        manifest.generation,
                        lane.number,
                        partition,
                        manifest.next_offset(lane, partition),
                    )
                await self._connection.execute(
                    sql.load("log_copy_ready", QUERIES), self._log_id, manifest.generation
                )
        # What a controller has beside its log: topics of orders.
        await apply(self._bootstrap, [msgspec.structs.replace(self._log, is_copy=True)])

    @property
    def _log(self) -> Log:
        return log_of_manifest(self._manifest)

    def _copied_topics(self) -> tuple[Topic, ...]:
        return tuple(topic for topic in topics_of(self._log) if topic.lane in EXPORTED_LANES)

    def _note_copied(self, records: int) -> None:
        self._copied += records

    def _note_compared(self, records: int) -> None:
        self._compared += records
        self._advance(self._compared, self._manifest.records)


def log_of_manifest(manifest: Manifest) -> Log:
    """The log that an export is of."""
    return Log(
        controller=manifest.controller,
        log_id=bytes.fromhex(manifest.log_id),
        generation=manifest.generation,
        partitions=manifest.partitions,
        is_new=False,
    )


def size_of(manifest: Manifest) -> str:
    """The size of a controller whose log has so many partitions."""
    for size, partitions in PARTITIONS_BY_SIZE.items():
        if partitions == manifest.partitions:
            return size
    raise IntegrityViolation(
        "archive_manifest_malformed", f"No controller of this version has {manifest.partitions} partitions."
    )


async def _set(admin: Any, topic: Topic, changed: Mapping[str, str]) -> None:
    """The settings of the table with ``changed``, in force on return."""
    async with asyncio.timeout(SETTING_TIMEOUT_S):
        while True:
            present = (await describe(admin, [topic.name])).topics[topic.name]
            wanted = topic.settings(present.replicas) | dict(changed)
            if all(present.settings.get(name) == value for name, value in wanted.items()):
                return
            await alter_settings(admin, topic.name, present.overrides | wanted)
            await asyncio.sleep(LOOK_AGAIN_S)


def _in_order(manifest: Manifest) -> list[tuple[Lane, int]]:
    """Catalogue and backfill first; of the live lane partition 0 last."""
    numbers = range(manifest.partitions)
    return [
        (Lane.CATALOGUE, 0),
        *((Lane.BACKFILL, number) for number in numbers),
        *((Lane.LIVE, number) for number in reversed(numbers)),
    ]


def _report(manifest: Manifest, present: Present, *, dry_run: bool) -> ImportReport:
    return ImportReport(
        controller=manifest.controller,
        log_id=manifest.log_id,
        generation=manifest.generation,
        partitions=manifest.partitions,
        topics=tuple(topic.name for topic in topics_of(log_of_manifest(manifest))),
        records=manifest.records,
        present=sum(present.ends.get(place, 0) for place in _in_order(manifest)),
        copied=0,
        already_complete=present.is_complete,
        dry_run=dry_run,
    )


def _unseen(done: int, total: int) -> None:
    """Nobody watches."""
