"""One list as it is read in every pass: the file, its form, its columns, and the rules by which its lines are read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ledger.errors import Rejected
from ledger.importing.answers import Each, Line, LineReader
from ledger.importing.columns import Columns, find_columns, guess_columns
from ledger.importing.forms import Form, detect_form
from ledger.importing.records import Record, read_records
from ledger.importing.source import Source
from ledger.importing.statuses import StatusWords
from ledger.importing.times import TimeRules

__all__ = ["ListFile", "Rules", "open_list"]


class Rules(NamedTuple):
    """What the operator says about the file; None is left to be found out. ``now_ms`` bounds stated times."""

    now_ms: int
    columns: Mapping[str, str] | None = None
    encoding: str | None = None
    separator: str | None = None
    times: TimeRules = TimeRules()
    words: StatusWords = StatusWords()
    each: Each | None = None
    region: str | None = None


class ListFile(NamedTuple):
    """A list that can be read, as often as is needed. ``is_guess``: nobody named the columns."""

    source: Source
    form: Form
    header: tuple[str, ...]
    reader: LineReader
    is_guess: bool

    @property
    def columns(self) -> Columns:
        return self.reader.columns

    def lines(self) -> Iterator[Line]:
        """Every line but the header; raises what :func:`~ledger.importing.records.read_records` raises."""
        return map(self.reader.read, self._records())

    def noes(self) -> Iterator[tuple[int, Line | None]]:
        """Every line's number, with the line where it says no; a third of the work where few do."""
        return ((record.number, self.reader.read_no(record)) for record in self._records())

    def _records(self) -> Iterator[Record]:
        records = read_records(self.source, self.form, width=self.columns.width)
        next(records)
        return records


def open_list(source: Source, rules: Rules) -> ListFile:
    """The list in an opened file.

    Raises ``Rejected`` for what is wrong with the file as a whole: ``header_missing``, ``column_missing``,
    ``column_ambiguous``, ``column_identifier``, ``answers_unmapped``, and the codes of :func:`detect_form`.
    """
    form = detect_form(source, encoding=rules.encoding, separator=rules.separator)
    first = next(read_records(source, form), None)
    if first is None:
        raise Rejected("file_empty")
    header = tuple(cell.strip() for cell in first.cells)
    if first.defect is not None or any("@" in cell and "." in cell for cell in header):
        raise Rejected("header_missing")
    wanted = guess_columns(header) if rules.columns is None else rules.columns
    try:
        columns = find_columns(header, wanted)
    except Rejected as rejection:
        rejection.detail += f" The columns are: {_listed(header)}."
        raise
    if not columns.tell_answers and rules.each is None:
        raise Rejected("answers_unmapped", f"{Rejected('answers_unmapped').detail} The columns are: {_listed(header)}.")
    reader = LineReader(
        columns=columns,
        times=rules.times,
        words=rules.words,
        now_ms=rules.now_ms,
        each=rules.each,
        region=rules.region,
    )
    return ListFile(source, form, header, reader, is_guess=rules.columns is None)


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(cell[:40] for cell in header[:40])
    return f"{shown}, and {len(header) - 40} more" if len(header) > 40 else shown
