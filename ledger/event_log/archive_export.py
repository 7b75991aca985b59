"""Exports a log to files: what is on it now, behind what an earlier export wrote.

The life of an export: the ends of all partitions are read once, so that the files are one cut through the log; the
manifest says up to where this export means to go; ranges are written one after the other, each file whole before the
manifest names it; at the end the manifest says that it is complete. A killed export goes on behind its last whole
file. Memory holds one block of one file.

A record that is missing on the log is never skipped: its partition ends there, the others are exported, and the
report names the place.
"""

import contextlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition

from ledger.domain.events import Lane
from ledger.domain.log_records import NO_CHAIN, record_digest
from ledger.errors import Conflict, IntegrityViolation, Rejected
from ledger.event_log.archive_disk import holding
from ledger.event_log.archive_files import FileHead, FileWriter
from ledger.event_log.archive_form import (
    ArchivedFile,
    End,
    Manifest,
    partitions_of,
    read_manifest,
    write_manifest,
)
from ledger.event_log.archive_report import ExportFinding, ExportReport
from ledger.event_log.archive_schemas import with_schemas
from ledger.event_log.broker import reading
from ledger.event_log.genesis import expected_genesis, is_genesis
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name

__all__ = ["RANGE_RECORDS", "Advance", "export_log"]

DISTRIBUTION: Final = "consent-ledger"
RANGE_RECORDS: Final = 250_000
"""Records of one file: about 20 MB, half a minute of work that a kill can cost."""

Advance = Callable[[int, int], None]
"""Called with (records done, records in all)."""


async def export_log(
    bootstrap: str,
    controller: str,
    folder: Path,
    *,
    created_at: str,
    range_records: int = RANGE_RECORDS,
    advance: Advance | None = None,
) -> ExportReport:
    """Brings the export in ``folder`` up to the log's present end; durable file by file.

    Raises ``Conflict(archive_foreign)`` for a folder of another log or of anything else, ``Rejected(archive_missing)``
    for what is no folder, ``IntegrityViolation`` when the log is not the one that was exported before or the folder's
    manifest is not to be trusted, ``Unavailable`` (``log_unavailable``, ``log_not_ready``, ``archive_unwritable``,
    ``archive_in_use``).
    """
    log = await read_log_info(bootstrap, controller)
    with holding(folder):
        export = _Export(bootstrap, log, folder, range_records, advance or _unseen)
        return await export.run(created_at)


class _Export:
    """One run. The manifest in hand is always the one on disk."""

    def __init__(
        self, bootstrap: str, log: LogInfo, folder: Path, range_records: int, advance: Advance
    ) -> None:
        self._bootstrap = bootstrap
        self._log = log
        self._folder = folder
        self._range_records = range_records
        self._advance = advance
        self._written: list[ArchivedFile] = []
        self._findings: list[ExportFinding] = []
        self._done = self._total = 0

    async def run(self, created_at: str) -> ExportReport:
        found = self._found()
        manifest = self._new(created_at) if found is None else found
        ends = await self._ends(manifest)
        self._manifest = msgspec.structs.replace(
            manifest, ledger_version=version(DISTRIBUTION), ends=ends, complete=False
        )
        self._require_whole()
        write_manifest(self._folder, self._manifest)
        self._total = sum(
            end.next_offset - self._manifest.next_offset(end.lane, end.partition) for end in ends
        )
        self._advance(0, self._total)
        for end in ends:
            await self._export_partition(end)
        self._manifest = msgspec.structs.replace(self._manifest, complete=not self._findings)
        write_manifest(self._folder, self._manifest)
        return self._report()

    def _found(self) -> Manifest | None:
        """The manifest of an earlier export of this log, or None for an empty folder."""
        entries = [entry.name for entry in self._folder.iterdir()]
        try:
            manifest = read_manifest(self._folder)
        except Rejected as missing:
            # An export that was killed before its first manifest leaves drafts, and nothing else.
            if all(name.endswith(".part") for name in entries):
                return None
            raise Conflict(
                "archive_foreign", f"{self._folder.name} holds other files and no manifest."
            ) from missing
        log = self._log
        if (manifest.controller, manifest.log_id, manifest.generation) != (
            log.controller,
            log.log_id.hex(),
            log.generation,
        ):
            raise Conflict(
                "archive_foreign",
                f"{self._folder.name} holds the log {manifest.log_id}, generation {manifest.generation}, of "
                f"{manifest.controller}.",
            )
        return manifest

    def _new(self, created_at: str) -> Manifest:
        log = self._log
        return Manifest(
            controller=log.controller,
            log_id=log.log_id.hex(),
            generation=log.generation,
            partitions=log.partitions,
            ledger_version=version(DISTRIBUTION),
            created_at=created_at,
            complete=False,
            ends=(),
            files=(),
            schemas=(),
            unknown_schemas=(),
        )

    async def _ends(self, manifest: Manifest) -> tuple[End, ...]:
        places = {
            place: TopicPartition(topic_name(manifest.controller, place[0]), place[1])
            for place in partitions_of(manifest)
        }
        async with reading(self._bootstrap) as consumer:
            known = await consumer.topics()
            for place in places.values():
                if place.topic not in known:
                    raise IntegrityViolation("topic_missing", topic=place.topic)
            found = await consumer.end_offsets(list(places.values()))
        return tuple(
            End(lane=lane, partition=number, next_offset=found[place])
            for (lane, number), place in places.items()
        )

    def _require_whole(self) -> None:
        """The files of earlier exports are there, so that this one adds to something. `verify` looks into them."""
        for file in self._manifest.files:
            path = self._folder / file.name
            if not path.is_file() or path.stat().st_size != file.size:
                raise IntegrityViolation(
                    "archive_file_missing", f"{file.name} is missing or not as long as it was written."
                )

    async def _export_partition(self, end: End) -> None:
        start = self._manifest.next_offset(end.lane, end.partition)
        try:
            if end.next_offset == 0:
                raise IntegrityViolation("log_recreated", "It holds no record, not even its genesis record.")
            if start > end.next_offset:
                raise IntegrityViolation(
                    "log_truncated", f"It ends at offset {end.next_offset}; {start} were exported before."
                )
            await self._export_ranges(end, start)
        except IntegrityViolation as violation:
            at = self._manifest.next_offset(end.lane, end.partition)
            self._findings.append(
                ExportFinding(
                    lane=end.lane.value,
                    partition=end.partition,
                    offset=at,
                    code=violation.code,
                    detail=violation.detail,
                )
            )

    async def _export_ranges(self, end: End, start: int) -> None:
        """Appends files until ``end``. The record before ``start`` is read again: it must be the one exported."""
        files = self._manifest.files_of(end.lane, end.partition)
        before = files[-1] if files else None
        topic = topic_name(self._log.controller, end.lane)
        expected = start if before is None else start - 1
        writer: FileWriter | None = None
        scanned: Any = scan(self._bootstrap, topic, end.partition, expected, end.next_offset)
        async with contextlib.AsyncExitStack() as stack:
            async for records in await stack.enter_async_context(contextlib.aclosing(scanned)):
                for record in records:
                    if record.offset != expected:
                        self._finish(writer)
                        raise _gap(expected, record.offset)
                    expected += 1
                    if record.offset < start:
                        _require_same(record, before)
                        continue
                    if record.offset == 0:
                        self._require_genesis(record, end)
                    if writer is None:
                        chain = NO_CHAIN if before is None else bytes.fromhex(before.chain)
                        head = self._head(end, record.offset)
                        writer = stack.enter_context(FileWriter(self._folder, head, chain))
                    writer.add(record, record.timestamp_type)
                    if writer.count == self._range_records:
                        before, writer = self._finish(writer), None
                self._advance(self._done + (writer.count if writer else 0), self._total)
            self._finish(writer)

    def _finish(self, writer: FileWriter | None) -> ArchivedFile | None:
        if writer is None:
            return None
        file = writer.finish()
        self._written.append(file)
        self._done += file.count
        schemas, unknown = with_schemas(
            self._manifest.schemas, self._manifest.unknown_schemas, writer.fingerprints
        )
        self._manifest = msgspec.structs.replace(
            self._manifest,
            files=tuple(sorted((*self._manifest.files, file), key=lambda each: each.name)),
            schemas=schemas,
            unknown_schemas=unknown,
        )
        write_manifest(self._folder, self._manifest)
        return file

    def _head(self, end: End, first_offset: int) -> FileHead:
        log = self._log
        return FileHead(
            controller=log.controller,
            log_id=log.log_id.hex(),
            generation=log.generation,
            lane=end.lane,
            partition=end.partition,
            first_offset=first_offset,
        )

    def _require_genesis(self, record: Any, end: End) -> None:
        log = self._log
        partitions = 1 if end.lane is Lane.CATALOGUE else log.partitions
        wanted = expected_genesis(
            log.controller, log.log_id, log.generation, end.lane, end.partition, partitions
        )
        if not is_genesis(record.key, record.value, wanted):
            raise IntegrityViolation("log_foreign", "It does not begin with the genesis record of this log.")

    def _report(self) -> ExportReport:
        manifest = self._manifest
        return ExportReport(
            controller=manifest.controller,
            log_id=manifest.log_id,
            generation=manifest.generation,
            files=len(manifest.files),
            records=manifest.records,
            written_files=len(self._written),
            written_records=sum(file.count for file in self._written),
            size=manifest.size,
            complete=manifest.complete,
            not_exported=(Lane.EVIDENCE.value,),
            findings=tuple(self._findings),
        )


def _require_same(record: Any, before: ArchivedFile | None) -> None:
    digest = record_digest(record.key, record.value, record.timestamp)
    if before is None or digest.hex() != before.last_digest:
        raise IntegrityViolation(
            "log_diverged", f"Its record at offset {record.offset} is not the one that was exported before."
        )


def _gap(expected: int, found: int) -> IntegrityViolation:
    return IntegrityViolation("log_gap", f"The record at offset {expected} is missing; the next is {found}.")


def _unseen(done: int, total: int) -> None:
    """Nobody watches."""
