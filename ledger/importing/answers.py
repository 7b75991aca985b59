"""What one line says: who, yes, no, both or nothing, and why a yes is not taken.

A yes with any doubt is refused. A no is never lost for a side reason: if the person can be made out, it is recorded,
whatever else is wrong with the line, and what had to be dropped is reported.
"""

from enum import Enum
from typing import Final, NamedTuple

import msgspec

from ledger.domain.admission import FUTURE_TOLERANCE_MS
from ledger.domain.identifiers import Identifier, IdentifierKind, account, email, phone
from ledger.errors import Rejected
from ledger.importing.alignment import readings
from ledger.importing.columns import Columns
from ledger.importing.records import Record
from ledger.importing.statuses import Answer, StatusWords
from ledger.importing.times import Stated, TimeRules, read_time, says_nothing

__all__ = ["Each", "Line", "LineReader", "No", "Yes"]

_TRUE: Final = frozenset({"1", "true", "yes", "y", "x", "ja", "j"})
_FALSE: Final = frozenset({"0", "false", "no", "n", "nej"})
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet takes a cell for a formula (OWASP, CSV injection)."""


class Each(str, Enum):
    """What a line means that says neither yes nor no: nothing, unless the operator knows what the list is."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"


class Yes(NamedTuple):
    """A grant: from when it counts in the past, if the file says so, and the tags by which its purposes are chosen."""

    effective_from: int | None
    tags: tuple[str, ...]


class No(NamedTuple):
    """An unsubscribe, and when it was said, if the file tells."""

    stated: Stated | None


class Line(NamedTuple):
    """``who`` is None where the person cannot be made out, which loses the line's no, if it says one (``is_lost_no``). ``refusal`` is why a yes, or the whole line, is not taken;
    ``dropped`` are codes of what was left out of a no that is recorded."""

    record: Record
    who: Identifier | None
    yes: Yes | None = None
    no: No | None = None
    refusal: str | None = None
    dropped: tuple[str, ...] = ()
    unknown_status: str | None = None
    is_lost_no: bool = False

    @property
    def number(self) -> int:
        return self.record.number


class LineReader(msgspec.Struct, frozen=True, kw_only=True):
    """Reads lines by one mapping. ``now_ms`` bounds stated times: nobody agreed tomorrow."""

    columns: Columns
    times: TimeRules
    words: StatusWords
    now_ms: int
    each: Each | None = None
    region: str | None = None

    def read(self, record: Record) -> Line:
        """The line; never raises for what is in it."""
        if record.defect is not None:
            return self._broken(record, record.defect)
        status = self._status(record.cells)
        return self._sound(record, status, *self._no(record.cells, status))

    def read_no(self, record: Record) -> Line | None:
        """The line if it says a no that can be put to somebody, else None; costs little where there is no mark."""
        if record.defect is not None:
            line: Line | None = self._broken(record, record.defect)
        else:
            status = self._status(record.cells)
            no, dropped = self._no(record.cells, status)
            line = None if no is None else self._sound(record, status, no, dropped)
        return None if line is None or line.no is None else line

    def _sound(self, record: Record, status: Answer | None, no: No | None, dropped: tuple[str, ...]) -> Line:
        cells = record.cells
        yes, refusal = self._yes(cells, status, no)
        who, unreadable = self._who(self._cell(cells, self.columns.identifier))
        if unreadable is not None and (yes is not None or refusal is not None):
            yes, refusal = None, refusal or unreadable
        is_lost = who is None and no is not None
        if is_lost:
            no, refusal = None, refusal or unreadable
        word = self._cell(cells, self.columns.status).strip()
        unknown = word if status is None and word else None
        return Line(record, who, yes, no, refusal, dropped if no else (), unknown, is_lost)

    def _broken(self, record: Record, defect: str) -> Line:
        """A line whose cells may have moved: no yes, and a no as far as it can be made out.

        It is laid under the header in every way in which names and times come to lie where they belong. If any of
        these says no, the line does; when, it says only if they agree.
        """
        fitting = [cells for cells in readings(record.cells, self.columns.width) if self._fits(cells)]
        found = [self._no(cells, self._status(cells)) for cells in fitting] or [self._any_no(record.cells)]
        said = [one for one in found if one[0] is not None]
        who = self._one_person(record.cells, fitting)
        if not said or who is None:
            return Line(record, who, refusal=defect, is_lost_no=bool(said))
        no, dropped = said[0] if all(one == said[0] for one in said) else (No(None), (defect,))
        return Line(record, who, no=no, refusal=defect, dropped=dropped)

    def _fits(self, cells: list[str]) -> bool:
        """Whether the cells are what the header says of them."""
        columns = self.columns
        mark = self._cell(cells, columns.unsubscribed_at)
        return (
            self._who(self._cell(cells, columns.identifier))[0] is not None
            and self._may_be_time(self._cell(cells, columns.opted_in_at))
            and self._may_be_time(self._cell(cells, columns.confirmed_at))
            and (mark.strip().lower() in _TRUE | _FALSE or self._may_be_time(mark))
            and (columns.status is None or self._status(cells) is not None)
        )

    def _may_be_time(self, cell: str) -> bool:
        if says_nothing(cell):
            return True
        try:
            read_time(cell, self.times)
        except Rejected as rejection:
            return rejection.code != "time_malformed"
        return True

    def _any_no(self, cells: list[str]) -> tuple[No | None, tuple[str, ...]]:
        """Of a line that fits in no way: a mark where one belongs, or a word that means a no anywhere."""
        no, dropped = self._no(cells, None)
        if no is not None:
            return No(None), dropped
        has_status = self.columns.status is not None
        says_no = has_status and any(self.words.meaning(cell) is Answer.UNSUBSCRIBED for cell in cells)
        return (No(None) if says_no else None), ()

    def _one_person(self, cells: list[str], fitting: list[list[str]]) -> Identifier | None:
        """The person whom the readings name; where they differ, the one where the line has it; else the only address."""
        place = self.columns.identifier
        named = {self._who(self._cell(one, place))[0] for one in fitting} - {None}
        if len(named) == 1:
            return named.pop()
        expected = self._who(self._cell(cells, place))[0]
        if expected is not None or self.columns.kind is not IdentifierKind.EMAIL:
            return expected
        addresses = [cell for cell in cells if "@" in cell]
        return self._who(addresses[0])[0] if len(addresses) == 1 else None

    def _cell(self, cells: list[str], place: int | None) -> str:
        return cells[place] if place is not None and place < len(cells) else ""

    def _status(self, cells: list[str]) -> Answer | None:
        """None where the column is not mapped, or holds a word that nobody has explained."""
        place = self.columns.status
        return None if place is None else self.words.meaning(self._cell(cells, place))

    def _no(self, cells: list[str], status: Answer | None) -> tuple[No | None, tuple[str, ...]]:
        cell = self._cell(cells, self.columns.unsubscribed_at)
        if says_nothing(cell) or cell.strip().lower() in _FALSE:
            marked = status is Answer.UNSUBSCRIBED or (
                self.each is Each.UNSUBSCRIBED and self._says_nothing_else(cells, status)
            )
            return (No(None) if marked else None), ()
        if cell.strip().lower() in _TRUE:
            return No(None), ()
        try:
            return No(self._past(cell)), ()
        except Rejected as rejection:
            return No(None), (rejection.code,)

    def _yes(self, cells: list[str], status: Answer | None, no: No | None) -> tuple[Yes | None, str | None]:
        opted = self._cell(cells, self.columns.opted_in_at)
        confirmed = self._cell(cells, self.columns.confirmed_at)
        agreed = self._agreed(status, no, opted, confirmed)
        if not agreed and no is None and self.each is Each.SUBSCRIBED:
            agreed = self._says_nothing_else(cells, status)
        if not agreed:
            return None, None
        try:
            times = [self._past(cell).yes_from_ms for cell in (opted, confirmed) if not says_nothing(cell)]
        except Rejected as rejection:
            return None, rejection.code
        # Agreed twice, it holds from the second time.
        return Yes(max(times, default=None), self._tags(cells)), None

    def _agreed(self, status: Answer | None, no: No | None, opted: str, confirmed: str) -> bool:
        """Whether the line says that the person agreed, now or before they left."""
        columns = self.columns
        if columns.confirmed_at is not None and says_nothing(confirmed):
            return False
        if columns.status is None:
            return columns.confirmed_at is not None or not says_nothing(opted)
        # A person who has left had agreed before, if the file states when.
        return status is Answer.SUBSCRIBED or (no is not None and not says_nothing(opted))

    def _says_nothing_else(self, cells: list[str], status: Answer | None) -> bool:
        columns = self.columns
        places = (columns.opted_in_at, columns.confirmed_at, columns.unsubscribed_at, columns.status)
        return status in (None, Answer.NEITHER) and all(
            says_nothing(self._cell(cells, place)) for place in places
        )

    def _past(self, cell: str) -> Stated:
        stated = read_time(cell, self.times)
        if stated.first_ms > self.now_ms + FUTURE_TOLERANCE_MS:
            raise Rejected("time_in_future")
        return stated

    def _tags(self, cells: list[str]) -> tuple[str, ...]:
        cell = self._cell(cells, self.columns.tags)
        separator = next((character for character in ",;|" if character in cell), ",")
        # Mailchimp puts each tag of a cell in quotes of its own.
        tags = (tag.strip().strip('"').strip() for tag in cell.split(separator))
        return tuple(tag for tag in tags if tag)

    def _who(self, cell: str) -> tuple[Identifier | None, str | None]:
        """The person, and why the cell that names them is good for no yes."""
        try:
            who = self._identifier(cell)
        except Rejected as rejection:
            return None, rejection.code
        is_formula = self.columns.kind is not IdentifierKind.PHONE and cell.startswith(FORMULA_STARTS)
        return who, "formula_cell" if is_formula else None

    def _identifier(self, cell: str) -> Identifier:
        if self.columns.kind is IdentifierKind.EMAIL:
            return email(cell)
        return phone(cell, self.region) if self.columns.kind is IdentifierKind.PHONE else account(cell)
