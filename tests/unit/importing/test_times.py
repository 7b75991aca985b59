"""Times are read as they stand or not at all."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ledger.errors import Rejected
from ledger.importing.times import Order, TimeRules, read_time, says_nothing

PLAIN = TimeRules()
STOCKHOLM = TimeRules(zone=ZoneInfo("Europe/Stockholm"))
MINUTE_MS, DAY_MS = 60_000, 86_400_000


def ms(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


TEN = ms(2023, 5, 1, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-05-01 10:00:00", TEN),
        ("2023-05-01T10:00:00Z", TEN),
        ("2023-05-01 10:00", TEN),
        ("2023-05-01 10:00:00 UTC", TEN),
        ("2023-05-01 12:00:00 +0200", TEN),
        ("2023-05-01T12:00:00+02:00", TEN),
        ("2023-05-01T10:00:00.250Z", TEN + 250),
        ("2023-05-01 10:00:00,2500000", TEN + 250),
        ("1682935200", TEN),
        ("1682935200000", TEN),
        ("Mon, 01 May 2023 12:00:00 +0200", TEN),
        ("01 May 2023 10:00 GMT", TEN),
    ],
    ids=lambda value: str(value).replace(" ", "_"),
)
def test_a_time_that_means_one_thing_is_read(text: str, expected: int) -> None:
    assert read_time(f" {text} ", PLAIN).at_ms == expected


@pytest.mark.parametrize("text", ["03/04/2024", "3.4.2024 10:00", "25/04/2024", "04-03-24"])
def test_a_time_in_which_day_and_month_may_be_swapped_is_refused_until_somebody_says_which(text: str) -> None:
    with pytest.raises(Rejected, match="time_ambiguous"):
        read_time(text, PLAIN)


def test_said_which_comes_first_such_a_time_is_read() -> None:
    day_first = read_time("03/04/2024 1:05 PM", TimeRules(order=Order.DAY_FIRST))
    month_first = read_time("03/04/2024 01:05 pm", TimeRules(order=Order.MONTH_FIRST))
    assert (day_first.at_ms, month_first.at_ms) == (ms(2024, 4, 3, 13, 5), ms(2024, 3, 4, 13, 5))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2023-13-01", "2023-02-30", "25:00", "=TODAY()", "99999999999999", "1" * 100]
)
def test_what_is_no_time_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_time(text, PLAIN)
    assert refused.value.code == "time_malformed"
    assert not text or text not in refused.value.detail


@pytest.mark.parametrize("text", ["1970-01-01 00:00:00", "0001-01-01", "1899-12-30"])
def test_a_zero_that_stands_for_no_time_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(Rejected, match="time_implausible"):
        read_time(text, PLAIN)


@pytest.mark.parametrize("text", ["", " ", "NULL", "n/a", "-", "0000-00-00 00:00:00", "\\N"])
def test_the_signs_for_no_time_are_known(text: str) -> None:
    assert says_nothing(text)


def test_a_day_is_a_whole_day_and_a_yes_counts_from_its_end_and_a_no_from_its_start() -> None:
    day = read_time("2023-05-01", STOCKHOLM)
    assert day.is_day
    assert day.no_from_ms == ms(2023, 4, 30, 22)
    assert day.yes_from_ms == ms(2023, 5, 1, 22) - 1


def test_an_hour_that_comes_twice_is_the_earlier_for_a_no_and_the_later_for_a_yes() -> None:
    twice = read_time("2023-10-29 02:30:00", STOCKHOLM)
    assert twice.no_from_ms == ms(2023, 10, 29, 0, 30)
    assert twice.yes_from_ms == ms(2023, 10, 29, 1, 30)


def test_an_hour_that_spring_leaves_out_is_read_without_an_error() -> None:
    assert read_time("2023-03-26 02:30:00", STOCKHOLM).first_ms == ms(2023, 3, 26, 0, 30)


def test_a_stated_minute_ends_with_its_last_millisecond() -> None:
    assert read_time("2023-05-01 10:00", PLAIN).last_ms == TEN + MINUTE_MS - 1
    assert read_time("2023-05-01", PLAIN).last_ms == ms(2023, 5, 1) + DAY_MS - 1
