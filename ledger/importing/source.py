"""The file as bytes: opened once, read once in each pass, and watched for changes meanwhile.

Somebody who saves the file between two passes would have grants appended whose unsubscribes were never seen. So size,
time and place are looked at while it is read, and every pass must end in the digest of the first.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

from ledger.errors import Conflict, Rejected

__all__ = ["CHUNK_BYTES", "Source"]

CHUNK_BYTES: Final = 1 << 18


class _Look(NamedTuple):
    device: int
    inode: int
    size: int
    modified_ns: int


class Source:
    """A regular file that is not empty. A context manager; ``digest`` is SHA-256 of the last whole reading."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.digest = b""
        self._descriptor = descriptor
        self._first = _look(os.fstat(descriptor))
        self.read_bytes = 0
        """How far the reading at hand is, for a progress bar."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file, opened for reading.

        Raises ``Rejected``: ``file_unreadable`` (none, no right, a folder, a pipe), ``file_empty``.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Rejected("file_unreadable", f"The file cannot be opened: {error.strerror}.") from error
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file, and an import reads it several times"
            raise Rejected("file_unreadable", f"This is {kind}.")
        if found.st_size == 0:
            os.close(descriptor)
            raise Rejected("file_empty")
        return cls(path, descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        return self._first.size

    def head(self, size: int) -> bytes:
        """The first bytes."""
        return self._read(size, 0)

    def chunks(self) -> Iterator[bytes]:
        """All bytes from the start. Raises ``Conflict(file_changed_while_read)`` as soon as a change is seen."""
        hashed = hashlib.sha256()
        self.read_bytes = 0
        while chunk := self._read(CHUNK_BYTES, self.read_bytes):
            self.check()
            hashed.update(chunk)
            self.read_bytes += len(chunk)
            yield chunk
        self.check()
        digest = hashed.digest()
        if self.digest and digest != self.digest:
            raise Conflict("file_changed_while_read")
        self.digest = digest

    def _read(self, size: int, offset: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise Rejected("file_unreadable", f"The file cannot be read on: {error.strerror}.") from error

    def check(self) -> None:
        """Returns while the file is what it was when it was opened."""
        try:
            by_name = _look(os.stat(self.path))
        except OSError:
            by_name = None
        if _look(os.fstat(self._descriptor)) != self._first or by_name != self._first:
            raise Conflict("file_changed_while_read")


def _look(found: os.stat_result) -> _Look:
    return _Look(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
