"""Stamps and ranks: a yes counts from the earliest moment it may have been made, a no from the latest."""

import pytest

from ledger.domain import ranks
from ledger.domain.events import Capture, Lane, Origin, RanksBelow, Seen, Voice
from ledger.domain.ranks import LOWEST_RANK, RANK_MAX, RANK_MIN, Rank, advance_stamp, no_rank, yes_rank
from tests.support.histories import HOUR, LOG_ID, MINUTE, NOON, envelope, record

MARGIN = 2 * MINUTE


def seen(**changed: object) -> Seen:
    fields: dict[str, object] = {
        "log_id": LOG_ID, "generation": 1, "lane": Lane.LIVE, "partition": 0, "next_offset": 4,
        "stamp_ms": NOON - 1,
    }  # fmt: skip
    return Seen(**(fields | changed))  # type: ignore[arg-type]


def test_the_constants_of_the_format_are_what_old_records_were_ranked_by() -> None:
    assert (ranks.FLIGHT_MARGIN_MS, ranks.WAIT_ALLOWANCE_MS, ranks.BROKER_SKEW_MS) == (
        120_000,
        120_000,
        60_000,
    )
    assert (RANK_MIN, RANK_MAX) == (-9_223_372_036_854_775_808, 9_223_372_036_854_775_807)
    assert LOWEST_RANK == (RANK_MIN, 0)


@pytest.mark.parametrize(
    ("before", "broker_ms", "after"),
    [
        ((100, 0), 101, (101, 0)),
        ((100, 0), 100, (100, 0)),
        ((100, 0), 99, (100, 100)),
        ((100, 40), 99, (100, 100)),
        ((100, 40), 150, (150, 40)),
    ],
)
def test_a_stamp_never_goes_back_and_the_floor_is_the_maximum_at_the_last_step_back(
    before: tuple[int, int], broker_ms: int, after: tuple[int, int]
) -> None:
    assert advance_stamp(*before, broker_ms) == after


def test_a_no_ranks_by_its_stamp_and_just_after_its_own_offset() -> None:
    assert no_rank(envelope(), record(offset=5)) == Rank(NOON, 11)


@pytest.mark.parametrize("waited_ms", [None, -1, 0, MARGIN])
def test_a_wait_that_is_unknown_or_within_two_minutes_takes_nothing_off_a_no(waited_ms: int | None) -> None:
    assert no_rank(envelope(waited_ms=waited_ms), record()) == Rank(NOON, 11)


def test_a_no_loses_only_what_its_wait_exceeds_two_minutes() -> None:
    assert no_rank(envelope(waited_ms=MARGIN + 1), record()) == Rank(NOON - 1, RANK_MAX)
    assert no_rank(envelope(waited_ms=HOUR), record()) == Rank(NOON - HOUR + MARGIN, RANK_MAX)


def test_a_no_never_ranks_below_the_clock_floor() -> None:
    assert no_rank(envelope(waited_ms=HOUR), record(clock_floor_ms=NOON - 7)) == Rank(NOON - 7, RANK_MAX)
    assert no_rank(envelope(waited_ms=HOUR), record(clock_floor_ms=NOON)) == Rank(NOON, 11)


def test_the_time_that_an_import_states_exactly_ranks_its_no_at_the_end_of_that_instant() -> None:
    stated = {"origin": Origin.IMPORTED, "effective_from": NOON - HOUR}
    assert no_rank(envelope(**stated, stated_exactly=True), record()) == Rank(NOON - HOUR, RANK_MAX)
    assert no_rank(envelope(**stated), record()) == Rank(NOON, 11)


def test_a_stated_time_ahead_does_not_raise_a_no() -> None:
    ahead = envelope(origin=Origin.IMPORTED, effective_from=NOON + HOUR, stated_exactly=True)
    assert no_rank(ahead, record()) == Rank(NOON, 11)


@pytest.mark.parametrize("changed", [{"origin": Origin.DIRECT}, {"effective_from": None}])
def test_exactness_is_an_imports_to_state_with_a_time(changed: dict[str, object]) -> None:
    fields = {"origin": Origin.IMPORTED, "effective_from": NOON - HOUR, "stated_exactly": True} | changed
    assert no_rank(envelope(**fields), record()) == Rank(NOON, 11)


@pytest.mark.parametrize("capture", [Capture.CLERK, Capture.LETTER, Capture.PHONE])
def test_a_clerk_may_rank_a_no_just_below_the_grant_that_was_shown(capture: Capture) -> None:
    below = envelope(capture=capture, ranks_below=RanksBelow(ms=NOON - HOUR, seq=6))
    assert no_rank(below, record()) == Rank(NOON - HOUR, 5)


def test_just_below_the_first_of_a_millisecond_is_the_last_of_the_one_before() -> None:
    below = envelope(capture=Capture.CLERK, ranks_below=RanksBelow(ms=NOON - HOUR, seq=0))
    assert no_rank(below, record()) == Rank(NOON - HOUR - 1, RANK_MAX)
    lowest = envelope(capture=Capture.CLERK, ranks_below=RanksBelow(ms=RANK_MIN, seq=0))
    assert no_rank(lowest, record()) == Rank(RANK_MIN, RANK_MAX) > LOWEST_RANK


@pytest.mark.parametrize("changed", [{"capture": Capture.SELF}, {"voice": Voice.CONTROLLER}])
def test_nobody_but_a_clerk_who_speaks_for_the_person_may_rank_a_no_lower(changed: dict[str, object]) -> None:
    fields = {"capture": Capture.CLERK, "ranks_below": RanksBelow(ms=NOON - HOUR, seq=6)} | changed
    assert no_rank(envelope(**fields), record()) == Rank(NOON, 11)


def test_a_clerk_cannot_rank_a_no_above_its_stamp() -> None:
    above = envelope(capture=Capture.CLERK, ranks_below=RanksBelow(ms=NOON + HOUR, seq=6))
    assert no_rank(above, record()) == Rank(NOON, 11)


def test_effective_from_does_not_move_a_rank() -> None:
    letter = envelope(capture=Capture.LETTER, effective_from=NOON - HOUR)
    assert no_rank(letter, record()) == no_rank(envelope(), record())
    assert yes_rank(letter, record()) == yes_rank(envelope(), record())


@pytest.mark.parametrize(
    ("waited_ms", "occurred_at", "made_ms"),
    [
        (0, None, NOON),
        (HOUR, None, NOON - HOUR),
        (0, NOON - 5, NOON - 5),
        (0, NOON + HOUR, NOON),
        (HOUR, NOON - 2 * HOUR, NOON - 2 * HOUR),
    ],
)
def test_a_yes_counts_from_the_earlier_of_stated_and_measured_time_less_two_minutes(
    waited_ms: int, occurred_at: int | None, made_ms: int
) -> None:
    act = envelope(waited_ms=waited_ms, occurred_at=occurred_at)
    assert yes_rank(act, record()) == Rank(made_ms - MARGIN, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"waited_ms": None},
        {"waited_ms": None, "occurred_at": NOON},
        {"waited_ms": -1},
        {"origin": Origin.IMPORTED},
        {"origin": Origin.INFERRED},
        {"origin": Origin.CARRIED},
        {"origin": Origin.IMPORTED, "seen": seen()},
    ],
)
def test_a_yes_about_whose_time_nothing_is_known_has_the_lowest_rank(changed: dict[str, object]) -> None:
    assert yes_rank(envelope(**changed), record()) == LOWEST_RANK


def test_an_outbox_that_measured_its_wait_is_as_good_as_a_direct_act() -> None:
    act = envelope(origin=Origin.OUTBOX, waited_ms=HOUR)
    assert yes_rank(act, record()) == Rank(NOON - HOUR - MARGIN, 0)


def test_a_yes_with_seen_ranks_between_what_was_shown_and_the_next_record() -> None:
    rank = yes_rank(envelope(seen=seen(next_offset=4, stamp_ms=NOON - 1)), record(offset=5))
    assert rank == Rank(NOON - 1, 8)
    assert (
        no_rank(envelope(), record(NOON - 1, offset=3))
        < rank
        < no_rank(envelope(), record(NOON - 1, offset=4))
    )


def test_a_yes_with_seen_needs_no_measured_wait() -> None:
    assert yes_rank(envelope(waited_ms=None, seen=seen()), record()) == Rank(NOON - 1, 8)


def test_an_old_screen_does_not_lower_a_yes() -> None:
    assert yes_rank(envelope(seen=seen(stamp_ms=NOON - HOUR)), record()) == Rank(NOON - MARGIN, 0)


def test_a_screen_from_the_future_ranks_no_higher_than_just_before_the_record_itself() -> None:
    assert yes_rank(envelope(seen=seen(next_offset=99, stamp_ms=NOON + HOUR)), record(offset=5)) == Rank(
        NOON, 10
    )


@pytest.mark.parametrize(
    "changed", [{"log_id": b"M" * 16}, {"generation": 2}, {"lane": Lane.BACKFILL}, {"partition": 1}]
)
def test_a_position_of_another_partition_counts_as_none(changed: dict[str, object]) -> None:
    assert yes_rank(envelope(seen=seen(**changed)), record()) == Rank(NOON - MARGIN, 0)


@pytest.mark.parametrize("edge", [-(2**63), 2**63 - 1])
def test_ranks_fit_into_64_bits_whatever_a_producer_writes(edge: int) -> None:
    act = envelope(
        occurred_at=edge, waited_ms=edge, effective_from=edge, stated_exactly=True, origin=Origin.IMPORTED,
        capture=Capture.CLERK, ranks_below=RanksBelow(ms=edge, seq=edge), seen=seen(stamp_ms=edge, next_offset=0),
    )  # fmt: skip
    direct = envelope(occurred_at=edge, waited_ms=abs(edge) - 1)
    for rank in (no_rank(act, record()), yes_rank(act, record()), yes_rank(direct, record())):
        assert all(RANK_MIN <= part <= RANK_MAX for part in rank)
