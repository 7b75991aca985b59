"""The form of an exported log: a folder of Avro container files, and a manifest that says what they must hold.

::

    manifest.json      canonical JSON (sorted, without spaces): which log, which files, which schemas
    manifest.sha256    its digest, as ``sha256sum`` writes it
    live-00003-000000250000.avro    one lane, partition and first offset; see :mod:`ledger.event_log.archive_files`

Three lanes are exported: catalogue, backfill and live. The evidence lane is not: its records expire, and they are
personal data under keys that an erasure destroys; a copy that outlived both would undo the erasure.

The manifest is replaced by rename and its digest goes first: of the two manifests that a kill can leave behind, the
digest names the one that counts.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation, Rejected, Unavailable
from ledger.event_log.archive_disk import sync_folder, write_whole, writing
from ledger.event_log.archive_schemas import ArchivedSchema
from ledger.event_log.schemas import canonical_json

__all__ = [
    "EXPORTED_LANES",
    "FORM",
    "MANIFEST",
    "MANIFEST_DIGEST",
    "ArchivedFile",
    "End",
    "Manifest",
    "file_name",
    "partitions_of",
    "read_manifest",
    "write_manifest",
]

FORM: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_DIGEST: Final = "manifest.sha256"
NEW: Final = ".new"

EXPORTED_LANES: Final = (Lane.CATALOGUE, Lane.BACKFILL, Lane.LIVE)


class End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a partition ended when the export began: everything below is in the files once it is complete."""

    lane: Lane
    partition: int
    next_offset: int


class ArchivedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: the records ``[first_offset, next_offset)`` of one partition.

    ``chain`` is the digest chain (:func:`ledger.domain.log_records.chained`) from offset 0 through its last record,
    ``last_digest`` that record's own digest; ``first_ms`` and ``last_ms`` are broker times of the first and last.
    """

    name: str
    lane: Lane
    partition: int
    first_offset: int
    next_offset: int
    count: int
    size: int
    sha256: str
    chain: str
    last_digest: str
    first_ms: int
    last_ms: int

    @property
    def place(self) -> tuple[Lane, int]:
        return self.lane, self.partition


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an export holds. Not ``complete``: an export was begun, up to ``ends``, and has not come to its end."""

    form: int = FORM
    controller: str
    log_id: str
    generation: int
    partitions: int
    ledger_version: str
    created_at: str
    complete: bool
    ends: tuple[End, ...]
    files: tuple[ArchivedFile, ...]
    schemas: tuple[ArchivedSchema, ...]
    unknown_schemas: tuple[str, ...]

    def files_of(self, lane: Lane, partition: int) -> tuple[ArchivedFile, ...]:
        """The files of one partition, in the order of their offsets."""
        found = [file for file in self.files if file.place == (lane, partition)]
        return tuple(sorted(found, key=lambda file: file.first_offset))

    def next_offset(self, lane: Lane, partition: int) -> int:
        """The offset behind the last archived record of a partition."""
        files = self.files_of(lane, partition)
        return files[-1].next_offset if files else 0

    @property
    def records(self) -> int:
        return sum(file.count for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def file_name(lane: Lane, partition: int, first_offset: int) -> str:
    """Sorted by name is sorted by lane, partition and offset. Says where a range begins and not where it ends, so
    that a killed export writes its last file over again and leaves none behind."""
    return f"{lane.value}-{partition:05d}-{first_offset:012d}.avro"


def partitions_of(manifest: Manifest) -> list[tuple[Lane, int]]:
    """Every partition of the exported lanes, in the order of the export."""
    return [
        (lane, number)
        for lane in EXPORTED_LANES
        for number in range(1 if lane is Lane.CATALOGUE else manifest.partitions)
    ]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the export in ``folder``.

    Raises ``Rejected(archive_missing)`` when there is none, ``IntegrityViolation`` (``archive_manifest_changed``,
    ``archive_manifest_malformed``) when it is not the one that its digest names, or no manifest.
    """
    if not folder.is_dir():
        raise Rejected("archive_missing", f"{folder.name} is not a folder.")
    named = _named_digest(folder)
    for name in (MANIFEST, MANIFEST + NEW):
        text = _read(folder / name)
        if text is not None and hashlib.sha256(text).hexdigest() == named:
            return _decoded(text)
    if _read(folder / MANIFEST) is None and named is None:
        raise Rejected("archive_missing", f"{folder.name} holds no {MANIFEST}.")
    raise IntegrityViolation(
        "archive_manifest_changed", f"{MANIFEST} is not the one that {MANIFEST_DIGEST} names."
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Puts ``manifest`` in the place of the one that is there; durable on return, whole at every moment."""
    text = canonical_json(msgspec.to_builtins(manifest)).encode()
    digest = f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode("ascii")
    write_whole(folder / (MANIFEST + NEW), text)
    write_whole(folder / MANIFEST_DIGEST, digest)
    with writing(folder):
        (folder / (MANIFEST + NEW)).replace(folder / MANIFEST)
        sync_folder(folder)


def _named_digest(folder: Path) -> str | None:
    text = _read(folder / MANIFEST_DIGEST)
    return None if text is None else text.decode("ascii", "replace").split(" ")[0].strip()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("archive_unreadable", f"{path.name} cannot be read: {error.strerror}.") from error


def _decoded(text: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IntegrityViolation(
            "archive_manifest_malformed", f"{MANIFEST} is no manifest of an exported log."
        ) from error
    if manifest.form != FORM:
        raise IntegrityViolation(
            "archive_manifest_malformed", f"{MANIFEST} has the form {manifest.form}; this version reads {FORM}."
        )
    return manifest
