"""How a file is written: encoding, line ends, separator, quotes. Detected from its bytes, or as the operator says."""

import codecs
from typing import Final

import msgspec

from ledger.errors import Rejected
from ledger.importing.source import Source

__all__ = ["SEPARATORS", "Form", "detect_encoding", "detect_form"]

SEPARATORS: Final = ",;\t|"
SAMPLE_BYTES: Final = 1 << 16
SAMPLE_LINES: Final = 200
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Not text, though people rename it: spreadsheets and archives (zip), old spreadsheets, gzip, PDF.
_NO_TEXT: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"%PDF")
# What is not Unicode is one of these; among a hundred candidates a short sample fits a dozen by chance.
_CANDIDATES: Final = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman", "cp437", "shift_jis", "gb18030", "big5",
    "euc_kr",
)  # fmt: skip
_WIDE_SHARE: Final = 0.3
_BINARY_SHARE: Final = 0.05
"""Of NULs. Fewer are single broken lines, which are told one by one."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """``escape`` is the character that stands before a quote, where quotes are not doubled (exports of MySQL)."""

    encoding: str
    separator: str
    quote: str = '"'
    escape: str | None = None
    line_end: str = "\n"


def detect_form(source: Source, *, encoding: str | None = None, separator: str | None = None) -> Form:
    """The form of the file; ``encoding`` and ``separator`` are taken as given, after a check that they can be.

    Raises ``Rejected``: ``file_binary``, ``file_encoding_unknown``, ``file_encoding_wrong``.
    """
    encoding = detect_encoding(source) if encoding is None else _known(encoding, source)
    sample = _sample(source, encoding)
    line_end = "\r" if "\r" in sample and "\n" not in sample else "\n"
    lines = [line for line in sample.split(line_end)[:SAMPLE_LINES] if line.strip()]
    found, quote, escape = _dialect("\n".join(line.rstrip("\r") for line in lines))
    return Form(
        encoding=encoding,
        separator=separator or found or _most_frequent(lines[0] if lines else ""),
        quote=quote,
        escape=escape,
        line_end=line_end,
    )


def detect_encoding(source: Source) -> str:
    """UTF-8 if the whole file is, else what its byte order mark says, else the likeliest of the usual code pages."""
    head = source.head(SAMPLE_BYTES)
    if head.startswith(_NO_TEXT):
        raise Rejected("file_binary", "This is a spreadsheet, an archive or a PDF. Save the list as CSV first.")
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    wide = _without_mark(head)
    if wide is not None:
        return wide
    sample = _not_utf8(source)
    return "utf-8" if sample is None else _likeliest(head[: SAMPLE_BYTES // 4] + sample)


def _without_mark(head: bytes) -> str | None:
    """UTF-16 without a mark shows as a NUL in every second byte."""
    if head.count(0) < _WIDE_SHARE * len(head):
        if head.count(0) > _BINARY_SHARE * len(head):
            raise Rejected("file_binary")
        return None
    low, high = head[1::2].count(0), head[0::2].count(0)
    if max(low, high) < 2 * min(low, high) + 1:
        raise Rejected("file_binary")
    return "utf-16-le" if low > high else "utf-16-be"


def _not_utf8(source: Source) -> bytes | None:
    """None for a file that is UTF-8 to its end, else the bytes around the first that are not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = b""
    for chunk in source.chunks():
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return (before + chunk)[-SAMPLE_BYTES:] if len(chunk) < SAMPLE_BYTES else _around(before, chunk)
        before = chunk[-1024:]
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return before
    return None


def _around(before: bytes, chunk: bytes) -> bytes:
    together = before[-4:] + chunk
    try:
        together.decode("utf-8")
    except UnicodeDecodeError as error:
        start = max(0, error.start - SAMPLE_BYTES // 2)
        return together[start : start + SAMPLE_BYTES]
    return together[:SAMPLE_BYTES]


def _likeliest(sample: bytes) -> str:
    # 13 ms that only a file in an old code page has to pay.
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=list(_CANDIDATES))
    # Short samples fit several code pages equally well: then the one that is used most.
    best = min(
        (match for match in found if match.encoding in _CANDIDATES),
        key=lambda match: (match.chaos, -match.coherence, _CANDIDATES.index(match.encoding)),
        default=None,
    )
    if best is None:
        raise Rejected("file_encoding_unknown")
    return best.encoding


def _known(encoding: str, source: Source) -> str:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except LookupError as error:
        raise Rejected("usage", f"No encoding of texts is called {encoding!r}; try utf-8 or cp1252.") from error
    has_mark = name == "utf-8" and source.head(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    return "utf-8-sig" if has_mark else name


def _sample(source: Source, encoding: str) -> str:
    head = source.head(SAMPLE_BYTES)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        # Not final: the sample may end within a character.
        return str(decoder.decode(head))
    except UnicodeDecodeError as error:
        line = head[: error.start].count(b"\n") + 1
        raise Rejected("file_encoding_wrong", f"Line {line} is not {encoding}.", line=line) from None


def _dialect(sample: str) -> tuple[str | None, str, str | None]:
    """Separator, quote and escape as clevercsv finds them by how regular the cells become (van den Burg 2019)."""
    import clevercsv

    try:
        found = clevercsv.Sniffer().sniff(sample, delimiters=list(SEPARATORS))
    except clevercsv.Error:
        found = None
    if found is None:
        return None, '"', None
    separator = found.delimiter if found.delimiter and found.delimiter in SEPARATORS else None
    # An apostrophe is part of names; it quotes cells where it quotes those of the header.
    quote = "'" if found.quotechar == sample[:1] == "'" else '"'
    return separator, quote, found.escapechar if found.escapechar == "\\" else None


def _most_frequent(line: str) -> str:
    return max(SEPARATORS, key=line.count)
