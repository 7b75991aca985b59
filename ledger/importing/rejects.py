"""The lines that were not taken, in a file for whoever mends the list: it holds addresses, so only its owner reads it.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it (OWASP, CSV injection).
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ledger.errors import Conflict, Rejected
from ledger.importing.answers import FORMULA_STARTS

__all__ = ["RejectsFile"]

MARK: Final = ("ledger_line", "ledger_code")
"""The first two columns, by which a file of ours is known; those of the list follow."""
MAX_TEXT_CHARACTERS: Final = 2_000
_MODE: Final = 0o600


class RejectsFile:
    """A context manager; the file takes its name when the block ends well, whole, and is not made without lines.

    ``header`` is that of the list: with the first two columns taken away, the mended lines can be imported.
    Raises ``Rejected(rejects_unwritable)`` and ``Conflict(rejects_taken)`` when another file has the name.
    """

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.path = path
        self._header = header
        self.count = 0
        self._draft = path.with_name(f".{path.name}.{os.getpid()}")

    def __enter__(self) -> Self:
        self._refuse_foreign()
        try:
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        except OSError as error:
            raise _unwritable(error) from error
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([*MARK, *map(_harmless, self._header)])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None and self.count:
            self._draft.replace(self.path)
        else:
            self._draft.unlink()
            if kind is None:
                # What the last run turned away has been mended.
                self.path.unlink(missing_ok=True)

    def add(self, line: int, code: str, text: str, cells: Sequence[str] | None = None) -> None:
        """Writes one line: its number, why, and its cells if they can be told apart, else its text."""
        shown = [text[:MAX_TEXT_CHARACTERS]] if cells is None else [cell[:MAX_TEXT_CHARACTERS] for cell in cells]
        try:
            self._writer.writerow([line, code, *map(_harmless, shown)])
        except OSError as error:
            raise _unwritable(error) from error
        self.count += 1

    def _refuse_foreign(self) -> None:
        """A file of this name that no import wrote is somebody's list."""
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                first = file.read(len(",".join(MARK)))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unwritable(error) from error
        if first != ",".join(MARK):
            raise Conflict("rejects_taken", f"{self.path.name} exists and was not written by an import.")


def _harmless(cell: str) -> str:
    plain = cell.replace("\0", "")
    return f"'{plain}" if plain.lstrip(" ").startswith(FORMULA_STARTS) else plain


def _unwritable(error: OSError) -> Rejected:
    return Rejected("rejects_unwritable", f"The file of rejected lines cannot be written: {error.strerror}.")
