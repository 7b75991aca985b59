"""A file's lines and the cells in them, a bounded piece at a time, whatever the file holds.

Line numbers are those of an editor. A cell may go over several lines if its quotes say so, but a quote that is never
closed would take in the lines after it and the unsubscribes in them: then the file is refused, with the line named.
"""

import codecs
import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.errors import Rejected
from ledger.importing.forms import Form
from ledger.importing.source import Source

__all__ = ["MAX_LINES_OF_RECORD", "MAX_LINE_CHARACTERS", "Record", "read_records"]

MAX_LINE_CHARACTERS: Final = 65_536
MAX_LINES_OF_RECORD: Final = 100
_UNCLOSED: Final = "unexpected end of data"


class Record(NamedTuple):
    """One line of the list. ``defect`` is the code of what makes its cells unreliable, None for a sound line."""

    number: int
    cells: list[str]
    text: str
    defect: str | None


class _Line(NamedTuple):
    number: int
    text: str
    is_cut: bool


def read_records(source: Source, form: Form, *, width: int | None = None) -> Iterator[Record]:
    """The records of the file that are not blank, the header among them; each has ``width`` cells or a defect.

    Raises ``Rejected``: ``quotes_open``, ``file_encoding_wrong``; ``Conflict(file_changed_while_read)``.
    """
    lines = _read_lines(source, form)
    for line in lines:
        if line.text.strip():
            yield _record(line, lines, form, width)


def _record(line: _Line, rest: Iterator[_Line], form: Form, width: int | None) -> Record:
    if line.is_cut:
        return Record(line.number, _lenient(line.text, form), line.text, "line_too_long")
    text, last = line.text, line.number
    while (cells := _strict(text, form)) is None:
        following = next(rest, None)
        if following is None or following.is_cut or len(text) + len(following.text) > MAX_LINE_CHARACTERS:
            raise _open(line.number)
        text, last = f"{text}\n{following.text}", following.number
        if last - line.number >= MAX_LINES_OF_RECORD:
            raise _open(line.number)
    defect = None
    if not cells:
        cells, defect = _lenient(text, form), "quotes_broken"
    elif width is not None and len(cells) != width:
        cells, defect = _fitted(cells, width)
    elif "\0" in text:
        defect = "nul_in_line"
    if defect is not None and last > line.number:
        # Sound quotes do not end in a line of the wrong length: this one took in what was never meant.
        raise _open(line.number)
    return Record(line.number, cells, text, defect)


def _strict(text: str, form: Form) -> list[str] | None:
    """The cells; None while a quote is open; nothing where quotes stand as no rule has them."""
    if form.quote not in text and form.escape is None:
        return text.split(form.separator)
    try:
        return next(_reader(text, form, strict=True))
    except csv.Error as error:
        return None if str(error) == _UNCLOSED else []


def _lenient(text: str, form: Form) -> list[str]:
    try:
        return next(_reader(text, form, strict=False), [])
    except csv.Error:
        return text.split(form.separator)


def _reader(text: str, form: Form, *, strict: bool) -> Iterator[list[str]]:
    # The csv module takes a text with line ends in its cells line by line, with the ends.
    *before, last = text.split("\n")
    return csv.reader(
        [*(f"{line}\n" for line in before), last],
        delimiter=form.separator,
        quotechar=form.quote,
        escapechar=form.escape,
        doublequote=form.escape is None,
        strict=strict,
    )


def _fitted(cells: list[str], width: int) -> tuple[list[str], str | None]:
    """Separators too many at the end are a habit of spreadsheets; too few may be a line that was cut off."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return cells[:width], None
    return cells, "columns_differ"


def _open(number: int) -> Rejected:
    return Rejected("quotes_open", f"A quote is opened in line {number} and never rightly closed.", line=number)


def _read_lines(source: Source, form: Form) -> Iterator[_Line]:
    """Physical lines without their ends; what is longer than the bound is cut, and the rest of it passed over."""
    decoder = codecs.getincrementaldecoder(form.encoding)()
    number, rest, is_cut = 1, "", False
    for text in _texts(source, decoder):
        pieces = text.split(form.line_end)
        pieces[0] = rest if is_cut else rest + pieces[0]
        for piece in pieces[:-1]:
            yield _line(number, piece, is_cut)
            number, is_cut = number + 1, False
        rest = pieces[-1]
        if len(rest) > MAX_LINE_CHARACTERS:
            rest, is_cut = rest[: MAX_LINE_CHARACTERS + 1], True
    if rest:
        yield _line(number, rest, is_cut)


def _texts(source: Source, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    lines = 1
    try:
        for chunk in source.chunks():
            text = decoder.decode(chunk)
            yield text
            lines += text.count("\n")
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # The decoder tells no line, so the lines of this chunk before the bytes at fault are counted.
        line = lines + error.object[: error.start].count(b"\n")
        raise Rejected("file_encoding_wrong", f"Line {line} is not {error.encoding}.", line=line) from None


def _line(number: int, text: str, is_cut: bool) -> _Line:
    if is_cut or len(text) > MAX_LINE_CHARACTERS:
        return _Line(number, text[:MAX_LINE_CHARACTERS], True)
    return _Line(number, text.removesuffix("\r"), False)
