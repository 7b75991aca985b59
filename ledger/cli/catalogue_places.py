"""Where in a catalogue's folder something stands, and what was found wrong there.

``tomllib`` gives values without lines, so the lines are taken from the text: headers and keys at the start of a
line. A place written in an unusual way (several keys on one line, say) only loses its own line number.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from ledger.errors import Rejected

__all__ = ["CATALOGUE_FILE", "CatalogueFolderInvalid", "Finding", "Places", "Report", "nearest"]

CATALOGUE_FILE: Final = "catalogue.toml"
MAX_FINDINGS: Final = 100
NEAREST_CUTOFF: Final = 0.6

_HEADER: Final = re.compile(
    r"\s*(\[\[?)\s*([A-Za-z0-9_]+)(?:\s*\.\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+)))?[^\]]*\]"
)
_KEY: Final = re.compile(r"\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*[=.]")


class Finding(NamedTuple):
    """One thing that is wrong with a catalogue's folder. ``line`` is None when only the file is known."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class CatalogueFolderInvalid(Rejected):
    """The folder is no catalogue; ``findings`` has every place that was found wrong, at most a hundred."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings[:MAX_FINDINGS]
        places = "1 place" if len(findings) == 1 else f"{len(findings)} places"
        lines = [str(finding) for finding in self.findings]
        super().__init__("catalogue_folder_invalid", f"{places} to mend:\n" + "\n".join(lines))


class Places:
    """The lines of one TOML text, by table, entry of an array of tables, and key.

    A table with a name of its own, as ``[holders.crm]``, is a table ``holders.crm``, and a key of ``holders`` too.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, int, str], int] = {}
        table, entry = "", 0
        entries: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if header := _HEADER.match(line):
                brackets, table, *names = header.groups()
                key = next((name for name in names if name), "")
                if brackets == "[[" and not key:
                    entries[table] = entries.get(table, -1) + 1
                entry = entries.get(table, 0)
                self._lines.setdefault((table, entry, key), number)
                if key and table not in entries:
                    table = f"{table}.{key}"
                    self._lines.setdefault((table, 0, ""), number)
            elif matched := _KEY.match(line):
                name = next(group for group in matched.groups() if group)
                self._lines.setdefault((table, entry, name) if table else (name, 0, ""), number)

    def line(self, table: str, entry: int = 0, key: str = "") -> int | None:
        """The line of a key, else of its table's header, else None."""
        return self._lines.get((table, entry, key)) or self._lines.get((table, entry, ""))


class Report:
    """What has been found wrong so far in one folder."""

    def __init__(self) -> None:
        self.places = Places("")
        self.findings: list[Finding] = []

    def add(self, text: str, table: str, entry: int = 0, key: str = "") -> None:
        """Something wrong at a place of ``catalogue.toml``."""
        self.findings.append(Finding(CATALOGUE_FILE, self.places.line(table, entry, key), text))

    def add_file(self, file: str, line: int | None, text: str) -> None:
        """Something wrong with a file as a whole, or at a line of it."""
        self.findings.append(Finding(file, line, text))

    def stop_if_any(self) -> None:
        """Raises :class:`CatalogueFolderInvalid` if anything was found: what comes next builds on it."""
        if self.findings:
            raise CatalogueFolderInvalid(self.findings)


def nearest(name: str, known: Iterable[str]) -> str:
    """`` Did you mean x?`` for the known name nearest to ``name``, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=NEAREST_CUTOFF)
    return f" Did you mean {found[0]}?" if found else ""
