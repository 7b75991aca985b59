"""The folder of an export on disk: files that are whole or not there, for their owner alone, and one writer at a time."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ledger.errors import Conflict, LedgerError, Rejected, Unavailable

__all__ = ["CountedFile", "FileSide", "file_side", "holding", "sync_folder", "unwritable", "write_whole", "writing"]

OWNER_ONLY: Final = 0o600
OWNERS_FOLDER: Final = 0o700
HASH_BLOCK: Final = 1 << 20


class FileSide(NamedTuple):
    """What counts of a file besides its records: size and digest of its bytes."""

    size: int
    sha256: str


class CountedFile:
    """A file being written, readable by its owner alone, with the digest and size of what went in."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        self._file = os.fdopen(descriptor, "wb")
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def seekable(self) -> bool:
        """Says no, or fastavro would look for a file to append to."""
        return False

    def finish(self) -> FileSide:
        """Makes the content durable, closes the file, and says what it amounts to."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return FileSide(self._size, self._digest.hexdigest())

    def close(self) -> None:
        self._file.close()


def write_whole(path: Path, content: bytes) -> None:
    """A file that has this content or is not there (or as it was); durable on return."""
    draft = path.with_name(path.name + ".part")
    with writing(path.parent):
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """The folder, made if it is not there, for this process alone.

    Raises ``Rejected(archive_missing)`` for what is no folder, ``Conflict(archive_in_use)``, ``Unavailable``.
    """
    if folder.exists() and not folder.is_dir():
        raise Rejected("archive_missing", f"{folder.name} is not a folder.")
    with writing(folder):
        folder.mkdir(mode=OWNERS_FOLDER, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("archive_in_use", f"Another command writes to {folder.name}.") from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Tells an error of the file system as ``Unavailable(archive_unwritable)``: no right, no room, no such place."""
    try:
        yield
    except LedgerError:
        raise
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> Unavailable:
    """The error of the file system in the ledger's words."""
    what = error.strerror or type(error).__name__
    return Unavailable("archive_unwritable", f"{folder.name} cannot be written: {what}.")


def file_side(path: Path) -> FileSide:
    """Size and SHA-256 of a file. Raises ``Unavailable(archive_unreadable)``."""
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(HASH_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise Unavailable("archive_unreadable", f"{path.name} cannot be read: {error.strerror}.") from error
    return FileSide(size, digest.hexdigest())
