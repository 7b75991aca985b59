"""Whatever a file holds, it is read as it is meant or refused with a code and the line; memory stays bounded."""

import codecs
import os
import tracemalloc
from pathlib import Path

import pytest

from ledger.errors import Conflict, LedgerError, Rejected
from ledger.importing.forms import Form
from ledger.importing.records import MAX_LINE_CHARACTERS, read_records
from ledger.importing.source import Source
from tests.support.lists import HEADER, lines, opened

ANNA = "anna@example.se,2023-05-01 10:00:00,2023-05-01 10:01:00,,vip"
BO = "bo@example.se,2023-05-01 10:00:00,2023-05-01 10:01:00,2024-01-01 00:00:00,"
LIST = f"{HEADER}\n{ANNA}\n{BO}\n"


def refused(folder: Path, content: str | bytes, **rules: object) -> LedgerError:
    with pytest.raises(LedgerError) as found:
        lines(folder, content, **rules)
    return found.value


def people(folder: Path, content: str | bytes, **rules: object) -> list[str | None]:
    return [line.who and line.who.value for line in lines(folder, content, **rules)]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (LIST.encode(), "utf-8"),
        (codecs.BOM_UTF8 + LIST.encode(), "utf-8-sig"),
        (LIST.encode("utf-16"), "utf-16"),
        (LIST.encode("utf-16-le"), "utf-16-le"),
        (LIST.replace("vip", "Åsas gäng").encode("cp1252"), "cp1252"),
        (LIST.replace("\n", "\r\n").encode(), "utf-8"),
        (LIST.replace("\n", "\r").encode(), "utf-8"),
        (LIST.replace(",", ";").encode(), "utf-8"),
        (LIST.replace(",", "\t").encode(), "utf-8"),
        (LIST.replace(",", "|").encode(), "utf-8"),
        (LIST.replace("vip", '"vip, ""gold"""').encode(), "utf-8"),
        (LIST.replace("vip", '"vip\nand gold"').encode(), "utf-8"),
        (f"\n\n{LIST}\n\n".encode(), "utf-8"),
    ],
    ids=["utf8", "bom", "utf16", "utf16-without-mark", "cp1252", "crlf", "cr", "semicolon", "tab", "pipe", "quotes",
         "line-in-cell", "blank-lines"],
)  # fmt: skip
def test_lists_are_read_however_they_are_written(tmp_path: Path, content: bytes, encoding: str) -> None:
    with opened(tmp_path, content) as list_file:
        assert list_file.form.encoding == encoding
        assert [line.who and line.who.value for line in list_file.lines()] == ["anna@example.se", "bo@example.se"]


def test_line_numbers_are_those_of_an_editor(tmp_path: Path) -> None:
    content = LIST.replace("vip", '"vip\nand gold"')
    assert [line.number for line in lines(tmp_path, content)] == [2, 4]


def test_a_character_of_an_old_code_page_far_behind_the_first_lines_is_found(tmp_path: Path) -> None:
    filler = "".join(f"person-{number}@example.se,2023-05-01,2023-05-01,,\n" for number in range(20_000))
    content = f"{HEADER}\n{filler}åsa@example.se,2023-05-01,2023-05-01,,\n".encode("cp1252")
    assert people(tmp_path, content)[-1] == "åsa@example.se"


def test_a_wrong_encoding_is_refused_with_the_line(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{HEADER}\n{ANNA}\nåsa@example.se,,,,\n".encode("cp1252"), encoding="utf-8")
    assert (error.code, error.context["line"]) == ("file_encoding_wrong", 3)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 a spreadsheet", b"\x1f\x8b\x08 packed", bytes(range(256)) * 20], ids=["xlsx", "gzip", "bytes"]
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content).code in ("file_binary", "file_encoding_unknown", "header_missing")


@pytest.mark.parametrize("content", [b"", b"\n \n", codecs.BOM_UTF8], ids=["nothing", "blank", "only-a-mark"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content).code == "file_empty"


def test_a_folder_a_pipe_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing"):
        with pytest.raises(Rejected, match="file_unreadable"):
            Source.open(path)


def test_a_first_line_with_an_address_is_no_header(tmp_path: Path) -> None:
    assert refused(tmp_path, f"{ANNA}\n{BO}\n").code == "header_missing"


@pytest.mark.parametrize(
    "content",
    [
        f'{HEADER}\n{ANNA}\nbo@example.se,"2023-05-01,,2024-01-01,\ncia@example.se,,,2024-01-01,\n',
        f'{HEADER}\n{ANNA}\n"bo@example.se,2023-05-01,,,\n"cia@example.se",,,2024-01-01,\n',
        f'{HEADER}\n{ANNA}\nbo@example.se,,,,"\n' + f"{BO}\n" * 200,
    ],
    ids=["to-the-end", "closed-by-the-next-line", "over-hundreds-of-lines"],
)
def test_a_quote_left_open_refuses_the_file_and_names_the_line(tmp_path: Path, content: str) -> None:
    error = refused(tmp_path, content)
    assert (error.code, error.context["line"]) == ("quotes_open", 3)


def test_quotes_that_no_rule_has_spoil_their_own_line_alone(tmp_path: Path) -> None:
    broken, sound = lines(tmp_path, f'{HEADER}\nanna@example.se,"2023-05-01"x,2023-05-01,,\n{BO}\n')
    assert (broken.record.defect, broken.yes, broken.refusal) == ("quotes_broken", None, "quotes_broken")
    assert sound.no is not None and sound.refusal is None


def test_a_line_of_ten_megabytes_is_turned_away_without_being_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(f"{HEADER}\n{ANNA}\n".encode() + b"x" * 10_000_000 + f"\n{BO}\n".encode())
    form = Form(encoding="utf-8", separator=",")
    with Source.open(path) as source:
        tracemalloc.start()
        records = list(read_records(source, form, width=5))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert [(record.number, record.defect) for record in records] == [
        (1, None), (2, None), (3, "line_too_long"), (4, None),
    ]  # fmt: skip
    assert len(records[2].text) == MAX_LINE_CHARACTERS
    assert peak < 4_000_000


def test_a_nul_byte_spoils_its_line_and_not_the_unsubscribe_in_it(tmp_path: Path) -> None:
    grant, unsubscribe = lines(tmp_path, f"{HEADER}\n{ANNA}\0\n{BO}\0\n")
    assert (grant.yes, grant.refusal) == (None, "nul_in_line")
    assert unsubscribe.no is not None and unsubscribe.who is not None


def test_surplus_separators_at_the_end_are_a_habit_and_missing_cells_a_defect(tmp_path: Path) -> None:
    habit, short = lines(tmp_path, f"{HEADER}\n{ANNA},,,\nbo@example.se,2023-05-01,2023-05-01\n")
    assert (habit.refusal, short.refusal) == (None, "columns_differ")
    assert short.yes is None


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, LIST * 20_000) as list_file:
        reading = list_file.lines()
        next(reading)
        with (tmp_path / "list.csv").open("ab") as file:
            file.write(b"cia@example.se,,,2024-01-01,\n")
        with pytest.raises(Conflict, match="file_changed_while_read"):
            list(reading)


def test_a_file_that_was_replaced_between_two_readings_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, LIST) as list_file:
        assert len(list(list_file.lines())) == 2
        (tmp_path / "new.csv").write_text(LIST)
        (tmp_path / "new.csv").replace(tmp_path / "list.csv")
        with pytest.raises(Conflict, match="file_changed_while_read"):
            list(list_file.lines())


def test_a_file_whose_size_and_time_were_set_back_is_known_by_its_digest(tmp_path: Path) -> None:
    with opened(tmp_path, LIST) as list_file:
        list(list_file.lines())
        path, before = tmp_path / "list.csv", os.stat(tmp_path / "list.csv")
        with path.open("r+b") as file:
            file.seek(LIST.index("bo@"))
            file.write(b"ba@")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(Conflict, match="file_changed_while_read"):
            list(list_file.lines())
