"""One file of an exported log: an Avro object container (Avro 1.12, "Object Container Files") of a range of records.

Every record's key and value are there byte for byte, with its offset and broker time. The file's own metadata names
the log, lane, partition and first offset, so that a file that strayed in from another log is known by itself. The
sync marker is made from those, so that the same range exported twice is the same file.

A file is written under ``<name>.part``, synced and renamed: under its own name it is whole.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, cast

import fastavro
from fastavro.write import Writer

from ledger.domain.events import Lane
from ledger.domain.log_records import RawRecord, chained, record_digest, schema_fingerprint
from ledger.errors import IntegrityViolation, Unavailable
from ledger.event_log.archive_disk import CountedFile, sync_folder, unwritable, writing
from ledger.event_log.archive_form import ArchivedFile, Manifest, file_name

__all__ = [
    "PART",
    "Entry",
    "FileHead",
    "FileWriter",
    "Unreadable",
    "entries_of",
    "read_file",
]

PART: Final = ".part"
CODEC: Final = "deflate"
BLOCK_BYTES: Final = 65_536
TIMESTAMP_TYPES: Final = ("create_time", "log_append_time")
"""By Kafka's number (KIP-32): whether the time is a producer's, or the broker's own."""

_SCHEMA: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Entry",
        "namespace": "consent_ledger.archive.v1",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "broker_ms", "type": "long"},
            {
                "name": "timestamp_type",
                "type": {"type": "enum", "name": "TimestampType", "symbols": list(TIMESTAMP_TYPES)},
            },
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
        ],
    }
)


class Entry(NamedTuple):
    """A record as the archive gives it back; what the fold takes (``RawRecord``)."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class FileHead(NamedTuple):
    """What a file says of itself."""

    controller: str
    log_id: str
    generation: int
    lane: Lane
    partition: int
    first_offset: int

    @property
    def name(self) -> str:
        return file_name(self.lane, self.partition, self.first_offset)

    def metadata(self) -> dict[str, str]:
        return {
            f"ledger.{name}": value.value if isinstance(value, Lane) else str(value)
            for name, value in self._asdict().items()
        }


class Unreadable(Exception):
    """The bytes are no file of an exported log from some place on. The text says what is wrong, and nothing of them."""


class FileWriter:
    """Writes the records of one range. ``chain`` is that of the partition before its first record."""

    def __init__(self, folder: Path, head: FileHead, chain: bytes) -> None:
        self.fingerprints: set[bytes] = set()
        self.count = 0
        self._folder = folder
        self._head = head
        self._chain = chain
        self._digest = b""
        self._first_ms = self._last_ms = 0
        self._draft = folder / (head.name + PART)
        with writing(folder):
            self._out = CountedFile(self._draft)
            try:
                metadata = head.metadata()
                marker = hashlib.sha256(repr(sorted(metadata.items())).encode()).digest()[:16]
                self._writer = Writer(
                    cast(Any, self._out),
                    _SCHEMA,
                    codec=CODEC,
                    sync_interval=BLOCK_BYTES,
                    metadata=metadata,
                    sync_marker=marker,
                )
            except BaseException:
                self._out.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Gives up what was not finished: the draft is closed and removed."""
        with contextlib.suppress(OSError):
            # What a full disk did not take is thrown away here; the error that ended the writing is on its way.
            self._out.close()
        self._draft.unlink(missing_ok=True)

    @property
    def next_offset(self) -> int:
        return self._head.first_offset + self.count

    def add(self, record: RawRecord, timestamp_type: int) -> None:
        """One more record, which must be the next one."""
        entry = {
            "offset": record.offset,
            "broker_ms": record.timestamp,
            "timestamp_type": TIMESTAMP_TYPES[timestamp_type],
            "key": record.key,
            "value": record.value,
        }
        try:
            self._writer.write(entry)
        except OSError as error:
            # Not by the context manager: this runs for every record.
            raise unwritable(self._folder, error) from error
        self._digest = record_digest(record.key, record.value, record.timestamp)
        self._chain = chained(self._chain, self._digest)
        fingerprint = schema_fingerprint(record.value)
        if fingerprint is not None:
            self.fingerprints.add(fingerprint)
        if not self.count:
            self._first_ms = record.timestamp
        self._last_ms = record.timestamp
        self.count += 1

    def finish(self) -> ArchivedFile:
        """Makes the file durable under its own name, and says what is in it."""
        with writing(self._folder):
            self._writer.flush()
            side = self._out.finish()
            self._draft.replace(self._folder / self._head.name)
            sync_folder(self._folder)
        head = self._head
        return ArchivedFile(
            name=head.name,
            lane=head.lane,
            partition=head.partition,
            first_offset=head.first_offset,
            next_offset=self.next_offset,
            count=self.count,
            size=side.size,
            sha256=side.sha256,
            chain=self._chain.hex(),
            last_digest=self._digest.hex(),
            first_ms=self._first_ms,
            last_ms=self._last_ms,
        )


def read_file(path: Path) -> Iterator[FileHead | Entry]:
    """The head of a file, then its records, as they stand in it: nothing is checked against anything.

    Raises :class:`Unreadable` at the place from which on it cannot be read, ``Unavailable(archive_unreadable)``.
    """
    try:
        with path.open("rb") as file:
            yield from _entries(file)
    except OSError as error:
        raise Unavailable("archive_unreadable", f"{path.name} cannot be read: {error.strerror}.") from error


def entries_of(
    folder: Path, manifest: Manifest, lane: Lane, partition: int, start: int, end: int | None = None
) -> Iterator[Entry]:
    """The records ``[start, end)`` of one partition, up to the last if None, from files that have been verified.

    Raises ``IntegrityViolation(archive_damaged)`` when one of them cannot be read, ``Unavailable``.
    """
    for file in manifest.files_of(lane, partition):
        if file.next_offset <= start or (end is not None and file.first_offset >= end):
            continue
        try:
            for item in read_file(folder / file.name):
                if isinstance(item, Entry) and item.offset >= start and (end is None or item.offset < end):
                    yield item
        except Unreadable as error:
            raise IntegrityViolation("archive_damaged", f"{file.name} cannot be read: {error}.") from error


def _entries(file: Any) -> Iterator[FileHead | Entry]:
    # fastavro has no one error of its own, here as little as for a single record: EOFError, ValueError, zlib's, ...
    try:
        found: Any = fastavro.reader(file)
        if fastavro.schema.to_parsing_canonical_form(found.writer_schema) != _CANONICAL:
            raise Unreadable("it is an Avro file of something else")
        head = _head(found.metadata)
    except (Unreadable, OSError):
        raise
    except Exception as error:
        raise Unreadable(f"its head cannot be read ({type(error).__name__})") from error
    yield head
    while True:
        try:
            fields = next(found)
        except StopIteration:
            return
        except OSError:
            raise
        except Exception as error:
            raise Unreadable(f"its records cannot be read ({type(error).__name__})") from error
        yield Entry(fields["offset"], fields["broker_ms"], fields["key"], fields["value"])


def _head(metadata: dict[str, str]) -> FileHead:
    try:
        found = {name: metadata[f"ledger.{name}"] for name in FileHead._fields}
        return FileHead(
            controller=found["controller"],
            log_id=found["log_id"],
            generation=int(found["generation"]),
            lane=Lane(found["lane"]),
            partition=int(found["partition"]),
            first_offset=int(found["first_offset"]),
        )
    except (KeyError, ValueError) as error:
        raise Unreadable("its head does not say which log it is of") from error


_CANONICAL: Final = fastavro.schema.to_parsing_canonical_form(_SCHEMA)
