"""Verifies an exported log with nothing but its files: every byte accounted for, every record in its place.

The manifest is checked against its digest and against itself, each file against the manifest, each record against
the one before it. What is wrong becomes a finding with file, offset and code; only where nothing is wrong up to
there is standing re-derived. A manifest and files that were forged together pass: whoever must exclude that keeps
``manifest.sha256`` somewhere else.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from ledger.audit.archive_manifest import ArchiveFinding, manifest_findings
from ledger.audit.archive_standing import ArchiveStanding, StandingFold
from ledger.domain.events import Lane
from ledger.domain.log_records import NO_CHAIN, chained, record_digest, schema_fingerprint
from ledger.errors import IntegrityViolation
from ledger.event_log.archive_disk import file_side
from ledger.event_log.archive_files import Entry, FileHead, Unreadable, read_file
from ledger.event_log.archive_form import ArchivedFile, Manifest, partitions_of, read_manifest
from ledger.event_log.genesis import expected_genesis, is_genesis
from ledger.event_log.schemas import load

__all__ = ["FINDINGS_SHOWN", "ArchiveCheck", "ArchiveFinding", "check_archive", "require_sound"]

FINDINGS_SHOWN: Final = 200
BATCH_RECORDS: Final = 2_000

Advance = Callable[[int, int], None]
"""Called with (records read, records in all)."""


class ArchiveCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found. ``findings`` are bounded, ``finding_count`` is not; ``standing`` only if none.

    ``unknown_schemas`` counts records that this version of the ledger cannot read, by fingerprint: they are as the
    log has them, and the fold opens a doubt for each.
    """

    controller: str
    log_id: str
    generation: int
    created_at: str
    complete: bool
    files: int
    records: int
    size: int
    unknown_schemas: dict[str, int]
    standing: ArchiveStanding | None
    finding_count: int
    findings: tuple[ArchiveFinding, ...]

    @property
    def is_sound(self) -> bool:
        return self.finding_count == 0


def check_archive(folder: Path, *, fold: bool = True, advance: Advance | None = None) -> ArchiveCheck:
    """Reads the whole export in ``folder``; ``fold`` re-derives standing too. Writes nothing.

    Raises ``Rejected(archive_missing)`` when there is no export, ``IntegrityViolation`` (``archive_manifest_changed``,
    ``archive_manifest_malformed``) when the manifest cannot be trusted to say what to look for, and
    ``Unavailable(archive_unreadable)``.
    """
    manifest = read_manifest(folder)
    check = _Check(folder, manifest, fold=fold, advance=advance)
    return check.run()


def require_sound(check: ArchiveCheck) -> None:
    """Raises ``IntegrityViolation(archive_damaged)`` naming the first findings, unless there are none."""
    if not check.is_sound:
        told = "; ".join(finding.words() for finding in check.findings[:3])
        raise IntegrityViolation("archive_damaged", f"The export has {check.finding_count} findings: {told}.")


class _Check:
    """One verification, partition by partition."""

    def __init__(self, folder: Path, manifest: Manifest, *, fold: bool, advance: Advance | None) -> None:
        self._folder = folder
        self._manifest = manifest
        self._advance = advance or _unseen
        self._findings: list[ArchiveFinding] = []
        self._count = 0
        self._records = self._size = 0
        self._unknown: Counter[str] = Counter()
        self._fold = StandingFold(manifest) if fold else None

    def run(self) -> ArchiveCheck:
        manifest = self._manifest
        for finding in manifest_findings(self._folder, manifest):
            self._note(finding)
        for lane, number in partitions_of(manifest):
            self._check_partition(lane, number)
        self._note_unlisted_schemas()
        return self._result()

    def _check_partition(self, lane: Lane, number: int) -> None:
        batch: list[Entry] = []
        begun = False
        for entry in self._partition(lane, number):
            if entry.offset == 0 and not begun:
                begun = True
                self._check_genesis(lane, number, entry)
                if self._fold is not None:
                    self._fold.begin(lane, number, entry)
                continue
            batch.append(entry)
            if len(batch) == BATCH_RECORDS:
                self._take(batch)
                batch = []
        self._take(batch)

    def _take(self, batch: list[Entry]) -> None:
        if batch and self._fold is not None and not self._count:
            self._fold.take(batch)

    def _partition(self, lane: Lane, number: int) -> Iterator[Entry]:
        chain = NO_CHAIN
        for file in self._manifest.files_of(lane, number):
            if (self._folder / file.name).is_file():
                yield from self._file(file, chain)
            # The manifest's own, so that one bad file is one finding and not one for each file behind it.
            chain = bytes.fromhex(file.chain)

    def _file(self, file: ArchivedFile, chain: bytes) -> Iterator[Entry]:
        side = file_side(self._folder / file.name)
        self._size += side.size
        is_whole = (side.size, side.sha256) == (file.size, file.sha256)
        if side.size < file.size:
            self._find("archive_file_truncated", file, None, f"it has {side.size} of {file.size} bytes")
        elif not is_whole:
            self._find("archive_file_changed", file, None, "its bytes are not those that were written")
        expected, count, first_ms, last_ms = file.first_offset, 0, None, None
        try:
            for item in read_file(self._folder / file.name):
                if isinstance(item, FileHead):
                    if not self._is_of(file, item):
                        return
                    continue
                self._check_offset(file, expected, item.offset)
                expected, count, last_ms = item.offset + 1, count + 1, item.timestamp
                first_ms = item.timestamp if first_ms is None else first_ms
                chain = chained(chain, record_digest(item.key, item.value, item.timestamp))
                if is_whole:
                    self._note_schema(item)
                yield item
        except Unreadable as error:
            self._find("archive_file_unreadable", file, expected, str(error))
            return
        finally:
            self._records += count
            self._advance(self._records, self._manifest.records)
        if is_whole:
            self._compare(file, expected, count, chain, (first_ms, last_ms))

    def _compare(
        self,
        file: ArchivedFile,
        expected: int,
        count: int,
        chain: bytes,
        times: tuple[int | None, int | None],
    ) -> None:
        """What the records amount to, against what the manifest says: the bytes are as written, so it is wrong."""
        if count != file.count:
            self._find(
                "archive_count_differs",
                file,
                None,
                f"it holds {count} records, the manifest says {file.count}",
            )
        if expected != file.next_offset:
            self._find(
                "archive_range_differs",
                file,
                expected,
                f"it ends before offset {expected}, the manifest says {file.next_offset}",
            )
        if chain.hex() != file.chain:
            self._find(
                "archive_chain_differs", file, file.first_offset, "its records have another digest chain"
            )
        if times != (file.first_ms, file.last_ms):
            self._find("archive_times_differ", file, None, "its first or last record has another time")

    def _check_offset(self, file: ArchivedFile, expected: int, found: int) -> None:
        if found < expected:
            self._find("archive_offset_repeated", file, found, f"offset {found} stands twice or out of order")
        elif found > expected:
            self._find(
                "archive_offset_missing", file, expected, f"offsets {expected} to {found - 1} are missing"
            )

    def _is_of(self, file: ArchivedFile, head: FileHead) -> bool:
        manifest = self._manifest
        wanted = FileHead(
            manifest.controller,
            manifest.log_id,
            manifest.generation,
            file.lane,
            file.partition,
            file.first_offset,
        )
        if head == wanted:
            return True
        what = f"it says to be {head.name} of log {head.log_id}, generation {head.generation}"
        self._find("archive_file_foreign", file, head.first_offset, what)
        return False

    def _check_genesis(self, lane: Lane, number: int, entry: Entry) -> None:
        manifest = self._manifest
        wanted = expected_genesis(
            manifest.controller,
            bytes.fromhex(manifest.log_id),
            manifest.generation,
            lane,
            number,
            1 if lane is Lane.CATALOGUE else manifest.partitions,
        )
        if not is_genesis(entry.key, entry.value, wanted):
            (file,) = [each for each in manifest.files_of(lane, number) if each.first_offset == 0][:1]
            self._find("archive_genesis_foreign", file, 0, "it begins with no genesis record of this log")

    def _note_schema(self, entry: Entry) -> None:
        fingerprint = schema_fingerprint(entry.value)
        if fingerprint is not None and fingerprint not in _KNOWN:
            self._unknown[fingerprint.hex()] += 1

    def _note_unlisted_schemas(self) -> None:
        listed = {schema.fingerprint for schema in self._manifest.schemas} | set(
            self._manifest.unknown_schemas
        )
        for fingerprint in sorted(self._unknown.keys() - listed):
            what = f"the schema {fingerprint} of {self._unknown[fingerprint]} records is not listed"
            self._note(ArchiveFinding(code="archive_schema_unlisted", file=None, offset=None, detail=what))

    def _find(self, code: str, file: ArchivedFile, offset: int | None, detail: str) -> None:
        self._note(ArchiveFinding(code=code, file=file.name, offset=offset, detail=detail))

    def _note(self, finding: ArchiveFinding) -> None:
        self._count += 1
        if len(self._findings) < FINDINGS_SHOWN:
            self._findings.append(finding)

    def _result(self) -> ArchiveCheck:
        manifest = self._manifest
        return ArchiveCheck(
            controller=manifest.controller,
            log_id=manifest.log_id,
            generation=manifest.generation,
            created_at=manifest.created_at,
            complete=manifest.complete,
            files=len(manifest.files),
            records=self._records,
            size=self._size,
            unknown_schemas=dict(sorted(self._unknown.items())),
            standing=None if self._count or self._fold is None else self._fold.finish(),
            finding_count=self._count,
            findings=tuple(self._findings),
        )


def _unseen(done: int, total: int) -> None:
    """Nobody watches."""


_KNOWN: Final = frozenset(load().by_fingerprint)
