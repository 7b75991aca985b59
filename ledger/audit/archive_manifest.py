"""What a manifest of an exported log says about itself and its folder, without a look into the files."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ledger.errors import Unavailable
from ledger.event_log.archive_form import MANIFEST, MANIFEST_DIGEST, Manifest, file_name, partitions_of
from ledger.event_log.archive_schemas import is_sound_schema

__all__ = ["ArchiveFinding", "manifest_findings"]


class ArchiveFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it must be: in which file, at which offset, which code (docs/errors.md)."""

    code: str
    file: str | None
    offset: int | None
    detail: str

    def words(self) -> str:
        """The finding in one line."""
        where = self.file or "the export"
        at = "" if self.offset is None else f", offset {self.offset}"
        return f"{self.code}: {where}{at}: {self.detail}"


def manifest_findings(folder: Path, manifest: Manifest) -> Iterator[ArchiveFinding]:
    """Everything that can be known to be wrong before a file is opened."""
    if not manifest.complete:
        what = "an export into this folder was begun and has not come to its end"
        yield ArchiveFinding(code="archive_incomplete", file=None, offset=None, detail=what)
    yield from _folder_findings(folder, manifest)
    yield from _range_findings(manifest)
    for schema in manifest.schemas:
        if not is_sound_schema(schema):
            what = f"{schema.name}.v{schema.version} is not the schema that its digest names"
            yield ArchiveFinding(code="archive_schema_differs", file=MANIFEST, offset=None, detail=what)


def _folder_findings(folder: Path, manifest: Manifest) -> Iterator[ArchiveFinding]:
    try:
        present = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise Unavailable("archive_unreadable", f"{folder.name} cannot be read: {error.strerror}.") from error
    listed = [file.name for file in manifest.files]
    for name in sorted(set(listed) - present):
        yield ArchiveFinding(code="archive_file_missing", file=name, offset=None, detail="it is not there")
    for name in sorted(present - set(listed) - {MANIFEST, MANIFEST_DIGEST}):
        yield ArchiveFinding(
            code="archive_file_extra", file=name, offset=None, detail="the manifest does not know it"
        )
    for file in manifest.files:
        wanted = file_name(file.lane, file.partition, file.first_offset)
        if file.name != wanted or listed.count(file.name) > 1:
            yield ArchiveFinding(
                code="archive_range_differs",
                file=file.name,
                offset=file.first_offset,
                detail=f"the manifest describes it as {wanted}",
            )


def _range_findings(manifest: Manifest) -> Iterator[ArchiveFinding]:
    """The ranges of each partition must join from offset 0 up to the end that the export went to."""
    ends = {(end.lane, end.partition): end.next_offset for end in manifest.ends}
    places = partitions_of(manifest)
    for place in places:
        expected = 0
        for file in manifest.files_of(*place):
            if file.first_offset > expected:
                what = f"offsets {expected} to {file.first_offset - 1} are in no file"
                yield ArchiveFinding(
                    code="archive_offset_missing", file=file.name, offset=expected, detail=what
                )
            elif file.first_offset < expected:
                what = f"its range begins before offset {expected}, where the one before it ends"
                yield ArchiveFinding(
                    code="archive_range_overlaps", file=file.name, offset=file.first_offset, detail=what
                )
            expected = file.next_offset
        where = f"{place[0].value}, partition {place[1]}"
        if expected == 0:
            what = f"{where}, has no file, not even its genesis record"
            yield ArchiveFinding(code="archive_genesis_missing", file=None, offset=0, detail=what)
        elif manifest.complete and ends.get(place) != expected:
            what = f"{where}, was to be exported up to offset {ends.get(place)} and ends at {expected}"
            yield ArchiveFinding(code="archive_range_differs", file=None, offset=expected, detail=what)
    for file in manifest.files:
        if file.place not in places:
            what = f"the log has no partition {file.partition} of the lane {file.lane.value}"
            yield ArchiveFinding(
                code="archive_file_foreign", file=file.name, offset=file.first_offset, detail=what
            )
