"""The dry run: the whole file is read, nothing is written but the rejected lines, and everything is counted.

It is read once before every run as well: only then is it known that the file can be read to its end, that every word
of its status column is understood, and what its content digest is.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from ledger.domain.identifiers import Identifier, screen
from ledger.errors import Rejected
from ledger.importing.answers import Line
from ledger.importing.census import Census, Opposites
from ledger.importing.lists import ListFile
from ledger.importing.masking import masked, masked_line
from ledger.importing.people import People
from ledger.importing.plan import Plan
from ledger.importing.rejects import RejectsFile
from ledger.vault.directory import Entry
from ledger.vault.suppressions import Match

__all__ = ["Counts", "Survey", "survey"]

BATCH: Final = 1_000
PREVIEW_LINES: Final = 5
MAX_UNKNOWN_WORDS: Final = 20


class Counts(msgspec.Struct, kw_only=True):
    """Lines, by what they say. ``both`` say yes and, later, no; a rejected line can still be counted as an unsubscribe.

    ``dropped`` are unsubscribes that are recorded without something that could not be read, and
    ``unsubscribes_without_person`` those that nobody can be found for: somebody must look at them.
    """

    lines: int = 0
    grants: int = 0
    unsubscribes: int = 0
    both: int = 0
    neither: int = 0
    rejected: dict[str, int] = {}
    dropped: dict[str, int] = {}
    unsubscribes_without_person: int = 0
    new_people: int = 0
    repeated_people: int = 0
    opposites: int = 0

    @property
    def findings(self) -> int:
        """How many lines or people somebody should look at."""
        return sum(self.rejected.values()) + sum(self.dropped.values()) + self.opposites


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do, and how it understands the file."""

    file_digest: str
    size: int
    encoding: str
    separator: str
    quote: str
    columns: dict[str, str]
    columns_guessed: bool
    preview: tuple[dict[str, str], ...]
    counts: Counts
    opposite_lines: tuple[Opposites, ...]

    @property
    def has_findings(self) -> bool:
        return self.counts.findings > 0


async def survey(
    list_file: ListFile, plan: Plan, people: People, rejects: RejectsFile, on_progress: Callable[[int], None]
) -> Survey:
    """Reads the file to its end; makes nobody known and appends nothing.

    Raises ``Rejected(status_unknown)`` for words of the status column that nobody has explained,
    ``Rejected(notice_required)`` when a line is a grant and no notice is named, and whatever is wrong with the file.
    """
    surveying = _Surveying(list_file, plan, people, rejects)
    batch: list[Line] = []
    for line in list_file.lines():
        surveying.note(line)
        batch.append(line)
        if len(batch) == BATCH:
            await surveying.weigh(batch)
            batch = []
            on_progress(list_file.source.read_bytes)
    await surveying.weigh(batch)
    on_progress(list_file.source.read_bytes)
    return surveying.result()


class _Surveying:
    def __init__(self, list_file: ListFile, plan: Plan, people: People, rejects: RejectsFile) -> None:
        self._list = list_file
        self._plan = plan
        self._people = people
        self._rejects = rejects
        self._counts = Counts(rejected={}, dropped={})
        self._census = Census()
        self._preview: list[dict[str, str]] = []
        self._unknown_words: dict[str, int] = {}

    def note(self, line: Line) -> None:
        """What can be told of a line alone."""
        if len(self._preview) < PREVIEW_LINES:
            self._preview.append(masked_line(line, self._list.columns))
        if line.unknown_status is not None:
            self._unknown_words.setdefault(line.unknown_status, line.number)
            if len(self._unknown_words) > MAX_UNKNOWN_WORDS:
                raise self._status_unknown()

    async def weigh(self, lines: list[Line]) -> None:
        """Counts lines, each held against what the vault keeps of its person."""
        who = [line.who for line in lines if line.who is not None]
        known = dict(zip(who, await self._people.known(who), strict=True))
        kept = dict(zip(who, await self._people.kept(who), strict=True))
        for line in lines:
            self._count(line, known, kept)

    def _count(
        self, line: Line, known: dict[Identifier, Entry | None], kept: dict[Identifier, Match | None]
    ) -> None:
        counts, refusal = self._counts, line.refusal
        counts.lines += 1
        grants = False
        if line.yes is not None and line.who is not None:
            refusal = refuse_yes(self._plan, line, known[line.who], kept[line.who])
            grants = refusal is None and bool(self._plan.purposes_of(line.yes.tags))
        if line.who is not None:
            self._census.add(line.number, self._people.index(line.who), yes=grants, no=line.no is not None)
            counts.new_people += known[line.who] is None and (grants or line.no is not None)
        counts.both += grants and line.no is not None
        counts.grants += grants and line.no is None
        counts.unsubscribes += line.no is not None and not grants
        for code in line.dropped:
            counts.dropped[code] = counts.dropped.get(code, 0) + 1
        if refusal is not None:
            self._reject(line, refusal)
        elif not grants and line.no is None:
            counts.neither += 1

    def _reject(self, line: Line, code: str) -> None:
        counts = self._counts
        counts.rejected[code] = counts.rejected.get(code, 0) + 1
        counts.unsubscribes_without_person += line.is_lost_no
        cells = line.record.cells if line.record.defect is None else None
        self._rejects.add(line.number, code, line.record.text, cells)

    def result(self) -> Survey:
        if self._unknown_words:
            raise self._status_unknown()
        counts, form = self._counts, self._list.form
        if counts.grants + counts.both and not self._plan.yeses:
            raise Rejected("notice_required", "Lines of the list are grants: name the notice they saw with --notice.")
        counts.repeated_people = self._census.repeats()
        counts.opposites, pairs = self._census.opposites()
        return Survey(
            file_digest=self._list.source.digest.hex(),
            size=self._list.source.size,
            encoding=form.encoding,
            separator=form.separator,
            quote=form.quote,
            columns=dict(self._list.columns.names),
            columns_guessed=self._list.is_guess,
            preview=tuple(self._preview),
            counts=counts,
            opposite_lines=pairs,
        )

    def _status_unknown(self) -> Rejected:
        shown = ", ".join(
            f"{word[:40] if screen(word) is None else masked(word)!r} (line {line})"
            for word, line in list(self._unknown_words.items())[:MAX_UNKNOWN_WORDS]
        )
        return Rejected("status_unknown", f"What these words of the status column mean is not known: {shown}.")


def refuse_yes(plan: Plan, line: Line, entry: Entry | None, match: Match | None) -> str | None:
    """Why a line's grant is not recorded for any of its purposes, from what the vault knows of the person."""
    assert line.yes is not None, "asked only of a line with a yes"
    if entry is not None and not entry.is_active:
        return "subject_not_active"
    if not plan.yeses:
        return None
    bars = [plan.bar(match, purpose) for purpose in plan.purposes_of(line.yes.tags)]
    return bars[0] if bars and all(bars) else None
