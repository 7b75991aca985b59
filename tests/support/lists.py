"""Lists for the tests: a file on disk, opened as the import opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ledger.importing.answers import Line
from ledger.importing.lists import ListFile, Rules, open_list
from ledger.importing.source import Source

NOW_MS: Final = 1_764_000_000_000
HEADER: Final = "Email Address,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,TAGS"


@contextmanager
def opened(folder: Path, content: str | bytes, **rules: Any) -> Iterator[ListFile]:
    """The list with this content."""
    path = folder / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with Source.open(path) as source:
        yield open_list(source, Rules(now_ms=NOW_MS, **rules))


def lines(folder: Path, content: str | bytes, **rules: Any) -> list[Line]:
    """Every line of such a list."""
    with opened(folder, content, **rules) as list_file:
        return list(list_file.lines())
