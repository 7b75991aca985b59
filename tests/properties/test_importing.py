"""Whatever stands in a file: an error of ours or its lines, never a crash, and no unsubscribe that disappears."""

import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError, Rejected
from ledger.importing.times import Order, TimeRules, read_time
from tests.support.lists import lines

HEADER = "email,opted_in_at,unsubscribed_at,tags"
_RULES = st.sampled_from(
    [TimeRules(), TimeRules(zone=ZoneInfo("Europe/Stockholm"), order=Order.DAY_FIRST), TimeRules(order=Order.MONTH_FIRST)]
)
_TIMES = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( \d{1,2}:\d{1,2}(:\d{1,2})?)?( ?[AP]M|Z|[+-]\d{2}:?\d{2})?", fullmatch=True),
    st.from_regex(r"(Mon, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}(:\d{2})? ([+-]\d{4}|GMT)", fullmatch=True),
    st.from_regex(r"\d{8,15}", fullmatch=True),
)
_CELLS = st.text(
    st.characters(exclude_characters='",\r\n', exclude_categories=("Cs",)), max_size=30
)


@given(text=_TIMES, rules=_RULES)
def test_a_text_is_a_time_that_lies_within_its_own_bounds_or_is_refused(text: str, rules: TimeRules) -> None:
    try:
        stated = read_time(text, rules)
    except Rejected:
        return
    assert stated.first_ms <= stated.at_ms <= stated.last_ms
    assert stated.no_from_ms <= stated.yes_from_ms <= stated.last_ms


@settings(deadline=None)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "replace"))))
def test_any_bytes_are_lines_or_an_error_of_ours(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            lines(Path(folder), content)
        except LedgerError as error:
            assert error.code


@settings(deadline=None)
@given(name=_CELLS, opted=_CELLS, mark=st.sampled_from(["yes", "2024-01-01", "soon", "x"]))
def test_an_unsubscribe_survives_whatever_stands_beside_it(name: str, opted: str, mark: str) -> None:
    assert_unsubscribes(["anna@example.se", opted, mark, name])


@settings(deadline=None)
@given(
    opted=st.sampled_from(["", "2023-05-01", "2023-05-01 10:00:00"]),
    mark=st.sampled_from(["yes", "2024-01-01", "1704067200"]),
    behind=st.lists(_CELLS, max_size=20),
)
def test_an_unsubscribe_survives_cells_too_many_or_too_few_behind_it(opted: str, mark: str, behind: list[str]) -> None:
    assert_unsubscribes(["anna@example.se", opted, mark, *behind])


def assert_unsubscribes(cells: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        [line] = lines(Path(folder), f"{HEADER}\n{','.join(cells)}\n", encoding="utf-8", separator=",")
    assert line.no is not None
    assert line.who is not None and line.who.value == "anna@example.se"
