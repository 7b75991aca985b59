"""What a line says: a yes with a doubt is refused, a no is never lost for a side reason."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import Rejected
from ledger.importing.answers import Each, Line
from ledger.importing.columns import find_columns, guess_columns, parse_map
from ledger.importing.masking import masked
from ledger.importing.statuses import parse_status_words
from tests.support.lists import HEADER, lines, opened

MAILCHIMP = HEADER
OPTED, CONFIRMED, LEFT = "2023-05-01 10:00:00", "2023-05-02 10:00:00", "2024-01-01 00:00:00"


def one(folder: Path, row: str, header: str = MAILCHIMP, **rules: Any) -> Line:
    [line] = lines(folder, f"{header}\n{row}\n", **rules)
    return line


def ms(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


def test_a_confirmed_subscriber_is_a_yes_from_the_confirmation_on(tmp_path: Path) -> None:
    line = one(tmp_path, f"anna@example.se,{OPTED},{CONFIRMED},,")
    assert line.yes is not None and line.no is None
    assert line.yes.effective_from == ms(2023, 5, 2, 10)


def test_one_who_never_confirmed_has_not_agreed(tmp_path: Path) -> None:
    line = one(tmp_path, f"anna@example.se,{OPTED},,,")
    assert (line.yes, line.no, line.refusal) == (None, None, None)


def test_one_who_agreed_and_has_left_says_both(tmp_path: Path) -> None:
    line = one(tmp_path, f"anna@example.se,{OPTED},{CONFIRMED},{LEFT},")
    assert line.yes is not None
    assert line.no is not None and line.no.stated is not None
    assert line.no.stated.at_ms == ms(2024, 1, 1)


@pytest.mark.parametrize("cell", ["03/04/2024", "last week", "1970-01-01", "2999-01-01", "=NOW()"])
def test_an_unsubscribe_whose_time_cannot_be_read_is_an_unsubscribe_without_its_time(tmp_path: Path, cell: str) -> None:
    line = one(tmp_path, f"anna@example.se,{OPTED},{CONFIRMED},{cell},")
    assert line.no is not None and line.no.stated is None
    assert len(line.dropped) == 1


@pytest.mark.parametrize(
    ("cell", "code"),
    [("03/04/2024", "time_ambiguous"), ("soon", "time_malformed"), ("2999-01-01", "time_in_future"),
     ("1970-01-01", "time_implausible")],
)  # fmt: skip
def test_a_grant_whose_time_cannot_be_read_is_refused(tmp_path: Path, cell: str, code: str) -> None:
    line = one(tmp_path, f"anna@example.se,{cell},{CONFIRMED},,")
    assert (line.yes, line.refusal) == (None, code)


@pytest.mark.parametrize("row", ["anna@example.se,x", f"x,anna@example.se,{OPTED},,{LEFT},"], ids=["short", "long"])
def test_a_broken_line_is_no_grant(tmp_path: Path, row: str) -> None:
    assert one(tmp_path, row).yes is None


def test_a_broken_line_with_an_address_and_a_mark_is_an_unsubscribe(tmp_path: Path) -> None:
    shifted = one(tmp_path, f"surplus,anna@example.se,{OPTED},unsubscribed,x,y", header="email,opted_in_at,status,tags",
                  columns={"email": "email", "opted_in_at": "opted_in_at", "status": "status"})  # fmt: skip
    assert shifted.who is not None and shifted.who.value == "anna@example.se"
    assert shifted.no is not None and shifted.yes is None


@pytest.mark.parametrize(
    ("row", "leaves"),
    [
        (f"anna@example.se,Anna, A,{OPTED},{CONFIRMED},,vip", False),
        (f"anna@example.se,Anna, A,{OPTED},{CONFIRMED},{LEFT},vip", True),
        (f"anna@example.se,Anna, B, C, D,{OPTED},{CONFIRMED},{LEFT},", True),
        (f"7,anna@example.se,Anna,{OPTED},{CONFIRMED},,vip", False),
        (f"7,anna@example.se,Anna,{OPTED},{CONFIRMED},{LEFT},vip", True),
        (f"anna@example.se,Anna,{OPTED},{CONFIRMED},{LEFT},vip,gold", True),
        (f"anna@example.se,Anna,{OPTED},{CONFIRMED},,vip,gold", False),
        (f"anna@example.se,{OPTED},{CONFIRMED},{LEFT},vip", True),
        (f"anna@example.se,Anna,{OPTED}", False),
    ],
    ids=["name", "name-left", "names-left", "before", "before-left", "behind-left", "behind", "missing-left", "cut"],
)
def test_a_line_with_cells_too_many_or_too_few_is_laid_under_the_header_as_its_times_fit(
    tmp_path: Path, row: str, leaves: bool
) -> None:
    """Neither may an unsubscribe be lost, nor the time of a consent be taken for one."""
    line = one(tmp_path, row, header="Email Address,First Name,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,TAGS")
    assert (line.refusal, line.yes) == ("columns_differ", None)
    assert line.who is not None and line.who.value == "anna@example.se"
    assert (line.no is not None) is leaves
    assert line.no is None or line.no.stated is None or line.no.stated.at_ms == ms(2024, 1, 1)


def test_an_unsubscribe_of_nobody_who_can_be_found_is_told_apart(tmp_path: Path) -> None:
    line = one(tmp_path, f"anna at example,{OPTED},{CONFIRMED},{LEFT},")
    assert (line.who, line.no, line.refusal, line.is_lost_no) == (None, None, "identifier_invalid", True)


def test_the_pass_of_the_unsubscribes_finds_just_those_of_the_whole_reading(tmp_path: Path) -> None:
    rows = [
        f"anna@example.se,{OPTED},{CONFIRMED},,", f"bo@example.se,{OPTED},{CONFIRMED},{LEFT},",
        f"cia at example,,,{LEFT},", "dan@example.se,,,soon,", f"surplus,eva@example.se,,,{LEFT},x,y", "fia@example.se",
    ]  # fmt: skip
    with opened(tmp_path, "\n".join([HEADER, *rows]) + "\n") as list_file:
        whole = [line for line in list_file.lines() if line.no is not None]
        assert [line for _, line in list_file.noes() if line is not None] == whole
        assert [number for number, _ in list_file.noes()] == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("address", ["=anna@example.se", "+anna@example.se", "-anna@example.se"])
def test_an_address_that_begins_like_a_formula_is_no_grant_and_still_an_unsubscribe(
    tmp_path: Path, address: str
) -> None:
    grant = one(tmp_path, f"{address},{OPTED},{CONFIRMED},,")
    assert (grant.yes, grant.refusal) == (None, "formula_cell")
    assert one(tmp_path, f"{address},{OPTED},{CONFIRMED},{LEFT},").no is not None


@pytest.mark.parametrize(
    ("word", "says"),
    [("subscribed", "yes"), ("SUBSCRIBED", "yes"), ("Opted-In", "yes"), ("unsubscribed", "no"), ("Opted out", "no"),
     ("spam", "no"), ("cleaned", "neither"), ("NEVER_SUBSCRIBED", "neither"), ("pending", "neither"), ("no", "neither"),
     ("", "neither")],
)  # fmt: skip
def test_the_words_of_the_well_known_tools_are_understood(tmp_path: Path, word: str, says: str) -> None:
    line = one(tmp_path, f"anna@example.se,{word}", header="email,status")
    assert {"yes": (True, False), "no": (False, True), "neither": (False, False)}[says] == (
        line.yes is not None, line.no is not None,
    )  # fmt: skip


def test_a_word_that_nobody_has_explained_is_asked_about_and_never_guessed_at(tmp_path: Path) -> None:
    line = one(tmp_path, "anna@example.se,avslutad", header="email,status")
    assert (line.unknown_status, line.yes) == ("avslutad", None)
    words = parse_status_words(("avslutad=unsubscribed",))
    assert one(tmp_path, "anna@example.se,Avslutad", header="email,status", words=words).no is not None


def test_a_list_of_bare_addresses_means_what_the_operator_says(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="answers_unmapped"):
        one(tmp_path, "anna@example.se,Anna", header="email,name")
    row, header = "anna@example.se,Anna", "email,name"
    assert one(tmp_path, row, header=header, each=Each.SUBSCRIBED).yes is not None
    assert one(tmp_path, row, header=header, each=Each.UNSUBSCRIBED).no is not None


def test_what_every_line_means_never_overrules_a_line_that_says_no(tmp_path: Path) -> None:
    line = one(tmp_path, f"anna@example.se,,,{LEFT},", each=Each.SUBSCRIBED)
    assert line.yes is None and line.no is not None


def test_tags_are_taken_apart_as_the_tools_put_them_together(tmp_path: Path) -> None:
    line = one(tmp_path, f'anna@example.se,{OPTED},{CONFIRMED},,"""vip"",""gold, old"""')
    assert line.yes is not None and line.yes.tags == ("vip", "gold", "old")


def test_phones_and_accounts_name_people_too(tmp_path: Path) -> None:
    phone = one(tmp_path, "070-174 06 05,yes", header="tel,status", columns={"phone": "tel", "status": "status"}, region="SE")
    account = one(tmp_path, "4711,yes", header="id,status", columns={"account": "id", "status": "status"})
    assert (phone.who and phone.who.value, account.who and account.who.value) == ("+46701740605", "4711")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Email Address,First Name,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,TAGS",
         {"email": "Email Address", "opted_in_at": "OPTIN_TIME", "confirmed_at": "CONFIRM_TIME",
          "unsubscribed_at": "UNSUB_TIME", "tags": "TAGS"}),
        ("First Name,Email,Accepts Email Marketing,Tags",
         {"email": "Email", "status": "Accepts Email Marketing", "tags": "Tags"}),
        ("Email,First name,Last name,List,Status,Created at", {"email": "Email", "status": "Status"}),
        ("Email,Email Marketing Consent,Email Marketing Consent Timestamp",
         {"email": "Email", "status": "Email Marketing Consent",
          "opted_in_at": "Email Marketing Consent Timestamp"}),
        ("E-post,Telefon", {"email": "E-post"}),
        ("Email,E-mail", {}),
    ],
    ids=["mailchimp", "shopify", "mailpoet", "klaviyo", "swedish", "two-addresses"],
)  # fmt: skip
def test_columns_are_guessed_from_the_headers_of_well_known_tools(header: str, expected: dict[str, str]) -> None:
    assert guess_columns(header.split(",")) == expected


def test_a_mapping_is_read_with_commas_in_the_headers() -> None:
    assert parse_map(["email=Address, billing,status=State"]) == {"email": "Address, billing", "status": "State"}


@pytest.mark.parametrize("text", ["Address", "email=", "colour=red", "email=a,email=b"])
def test_a_mapping_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="usage"):
        parse_map([text])


@pytest.mark.parametrize(
    ("header", "wanted", "code"),
    [
        (["Email", "Status"], {"email": "Mail"}, "column_missing"),
        (["Email", "email"], {"email": "Email"}, "column_ambiguous"),
        (["Email", "Status"], {"status": "Status"}, "column_identifier"),
        (["Email", "Phone"], {"email": "Email", "phone": "Phone"}, "column_identifier"),
    ],
    ids=["missing", "twice", "nobody", "two-names"],
)
def test_a_mapping_that_does_not_fit_the_file_is_refused(
    header: list[str], wanted: dict[str, str], code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        find_columns(header, wanted)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("address", "shown"),
    [("anna@example.se", "a***@e***.se"), ("4711", "4***"), ("@", "***@***"), ("", "***")],
)
def test_nobody_can_be_recognised_in_the_preview(address: str, shown: str) -> None:
    assert masked(address) == shown
