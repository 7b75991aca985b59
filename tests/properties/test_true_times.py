"""No protective act is beaten by a grant truly made before it, whatever clocks, waits, repeats and leaders did.

Judged by true time (tests/support/true_times.py), on random worlds and on every small one of a coarse grid: random
search alone misses wrong rules, as the last tests here show by breaking the rules one at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import ranks, row_forms, standing, weighing
from ledger.domain.events import Envelope, Lane
from ledger.domain.ranks import Rank, Record
from ledger.read_model.folding import stamping
from tests.support import true_times
from tests.support.true_times import BOUND_MS, MAX_SKEW_MS, Copy, Deed, World, findings, random_world

LIVE, BACKFILL = Lane.LIVE, Lane.BACKFILL
FAST, SLOW = MAX_SKEW_MS, 0
HOUR = 3_600_000
DAY = 24 * HOUR


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to six acts, written so that Hypothesis can make a failing world smaller."""
    skew = draw(st.sampled_from((0, MAX_SKEW_MS)))
    now, deeds = 0, []
    for _ in range(draw(st.integers(1, 6))):
        now += draw(st.sampled_from((0, 1, 30_000, 61_000, BOUND_MS, 300_000)))
        wait = draw(st.sampled_from((0, BOUND_MS, BOUND_MS + 1, 300_000, None)))
        flight = draw(st.sampled_from((0, 1, BOUND_MS - skew)))
        deeds.append(
            Deed(
                draw(st.sampled_from(("grant", "withdraw", "opt_in", "opt_out", "object", "refuse"))),
                now,
                (arrival(now, wait, flight, draw(st.sampled_from((0, skew)))),),
                draw(st.sampled_from((None, 0, HOUR, -HOUR))),
                seen_at=draw(st.sampled_from((None, now, now - 61_000))),
                lane=draw(st.sampled_from((LIVE, LIVE, BACKFILL))),
                person=draw(st.sampled_from((0, 0, 0, 1))),
            )
        )
    return tuple(deeds)


def a_grant_then_a_withdrawal(fine: bool) -> Iterator[World]:
    """Every wait, flight, broker clock and host clock of two acts, the withdrawal made at the same moment or later."""
    gaps = (0, 1, 60_000, BOUND_MS - 1, BOUND_MS, BOUND_MS + 1) if fine else (0, 1, 60_000, BOUND_MS)
    grant_waits = (0, 1, BOUND_MS, 150_000, 400_000, None) if fine else (0, 150_000, 400_000, None)
    no_waits = (0, 1, BOUND_MS, BOUND_MS + 1, 300_000, None) if fine else (0, BOUND_MS + 1, 300_000, None)
    clocks = (None, 0, HOUR, -HOUR) if fine else (None, HOUR)
    for skew in (0, MAX_SKEW_MS):
        flights, brokers = (0, BOUND_MS - skew), sorted({SLOW, skew})
        grants = [
            Deed("grant", 0, (arrival(0, wait, flight, broker),), clock)
            for wait, flight, broker, clock in product(grant_waits, flights, brokers, clocks)
        ]
        noes = [
            Deed("withdraw", gap, (arrival(gap, wait, flight, broker),))
            for gap, wait, flight, broker in product(gaps, no_waits, flights, brokers)
        ]
        yield from product(grants, noes)


def a_regrant_on_a_screen_then_a_withdrawal(fine: bool) -> Iterator[World]:
    """A no, a grant on a screen that may have shown it, and another no: in one lane or in two.

    The first no may be somebody else's, which only moves the log on.
    """
    flights = (0, BOUND_MS - MAX_SKEW_MS)
    no_waits = (0, BOUND_MS, BOUND_MS + 1, 300_000, None) if fine else (0, 300_000, None)
    seconds = (2, 30_000, 59_999, 60_002) if fine else (2, 59_999)
    for lanes in product((LIVE, BACKFILL), repeat=3):
        first = [
            Deed("withdraw", 0, (Copy(0, 0, broker),), lane=lanes[0], person=person)
            for broker, person in product((SLOW, FAST), (0, 1))
        ]
        grants = [
            Deed("grant", 1, (Copy(1 + flight, 0, broker),), None, seen_at, seen_lane, lanes[1])
            for flight, broker, (seen_at, seen_lane) in product(
                flights, (SLOW, FAST), ((None, None), (1, LIVE), (1, BACKFILL))
            )
        ]
        last = [
            Deed("withdraw", made_at, (arrival(made_at, wait, flight, broker),), lane=lanes[2])
            for made_at, wait, flight, broker in product(seconds, no_waits, flights, (SLOW, FAST))
        ]
        yield from product(first, grants, last)


def a_grant_sent_again_after_a_withdrawal(fine: bool) -> Iterator[World]:
    """The grant's acknowledgement was lost, and it is sent again: by the SDK, or by a caller as if it were new."""
    delays = (1, 60_000, 121_000, 600_000, DAY) if fine else (1, 121_000, 600_000)
    for wait, gap, delay, fresh, brokers in product(
        (0, 100_000), (1, 60_000), delays, (True, False), product((SLOW, FAST), repeat=3)
    ):
        again = gap + delay + wait
        repeat = Copy(again, 0 if fresh else again, brokers[2], fresh)
        grant = Deed("grant", 0, (Copy(wait, wait, brokers[0]), repeat), HOUR)
        yield (grant, Deed("withdraw", gap, (Copy(gap, 0, brokers[1]),)))


def a_withdrawal_sent_again_after_a_regrant(fine: bool) -> Iterator[World]:
    """The other way about: the late copy of a withdrawal must not undo the grant made in between."""
    delays = (2, 130_000, 600_000, DAY) if fine else (2, 600_000)
    regrant = 2 * BOUND_MS + 130_000
    for delay, fresh, brokers in product(delays, (True, False), product((SLOW, FAST), repeat=3)):
        again = Copy(1 + delay, 0 if fresh else 1 + delay, brokers[1], fresh)
        yield (
            Deed("withdraw", 0, (Copy(0, 0, brokers[0]), again)),
            Deed("grant", regrant, (Copy(regrant, 0, brokers[2]),), None),
        )


def acts_in_every_order(fine: bool) -> Iterator[World]:
    """Three acts forty seconds apart (four on the fine grid): which they are, and how late and by whose clock each comes."""
    kinds = (("grant", None), ("grant", 1), ("withdraw", None))
    lates = (0, 150_000, None)
    acts = tuple(product(kinds, lates, (SLOW, FAST)))
    for chosen in product(acts, repeat=4 if fine else 3):
        yield tuple(
            Deed(
                what,
                40_000 * place,
                (arrival(40_000 * place, late, 0, broker),),
                seen_at=None if seen is None else 40_000 * place - seen,
            )
            for place, ((what, seen), late, broker) in enumerate(chosen)
        )


def arrival(made_at: int, wait: int | None, flight: int, broker: int) -> Copy:
    """The record of an act; an unmeasured wait lasted five minutes."""
    return Copy(made_at + (300_000 if wait is None else wait) + flight, wait, broker)


SMALL_WORLDS = (
    a_grant_then_a_withdrawal,
    a_regrant_on_a_screen_then_a_withdrawal,
    a_grant_sent_again_after_a_withdrawal,
    a_withdrawal_sent_again_after_a_regrant,
    acts_in_every_order,
)


def first_finding(some: Iterable[World], what: str | None = None) -> str | None:
    """The first world whose answer contradicts the true times, readable."""
    for world in some:
        for finding in findings(world):
            if what in (None, finding.what):
                return "\n".join([str(finding), *map(str, world)])
    return None


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_the_later_act_by_true_time_wins_in_random_worlds(world: World) -> None:
    assert findings(world) == []


def test_the_later_act_by_true_time_wins_in_many_seeded_worlds() -> None:
    assert first_finding(random_world(Random(seed)) for seed in range(5_000)) is None


@pytest.mark.parametrize("small", SMALL_WORLDS, ids=lambda small: small.__name__)
def test_the_later_act_by_true_time_wins_in_every_small_world(
    small: Callable[[bool], Iterator[World]],
) -> None:
    assert first_finding(small(False)) is None


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_the_later_act_by_true_time_wins_in_a_hundred_thousand_seeded_worlds() -> None:
    assert first_finding(random_world(Random(seed)) for seed in range(5_000, 105_000)) is None


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("small", SMALL_WORLDS, ids=lambda small: small.__name__)
def test_the_later_act_by_true_time_wins_on_the_fine_grid(small: Callable[[bool], Iterator[World]]) -> None:
    assert first_finding(small(True)) is None


def test_a_regrant_a_second_after_the_withdrawal_stands_when_the_screen_showed_it() -> None:
    withdrawal = Deed("withdraw", 0, (Copy(200, 0),))
    assert answers(withdrawal, Deed("grant", 1_000, (Copy(1_200, 0),), seen_at=900)) == "consent_given"
    assert answers(withdrawal, Deed("grant", 1_000, (Copy(1_200, 0),), seen_at=100)) == "withdrawn"
    assert answers(withdrawal, Deed("grant", 1_000, (Copy(1_200, 0),))) == "withdrawn"


def answers(*world: Deed) -> str:
    """The reason for the newsletter once all is recorded."""
    log = true_times.FoldedLog()
    for _ in true_times.play(world, log):
        pass
    return true_times.ask(log, true_times.NEWSLETTER).reason


def test_the_bound_is_sharp() -> None:
    """One millisecond of unmeasured flight more than two minutes, and a grant can beat a withdrawal made after it."""
    for flight, found in ((BOUND_MS, []), (BOUND_MS + 1, ["ghost"])):
        grant = Deed("grant", 0, (Copy(flight, 0),))
        world = (Deed("withdraw", 0, (Copy(0, 0),)), grant)
        assert [finding.what for finding in findings(world)] == found


# The judge can find what is wrong: each rule is broken in memory, and a ghost grant must appear.

Break = Callable[[pytest.MonkeyPatch], None]


def without_flight_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ranks, "FLIGHT_MARGIN_MS", 0)


def with_a_flight_margin_one_millisecond_short(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ranks, "FLIGHT_MARGIN_MS", BOUND_MS - 1)


def without_the_running_maximum(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stamping, "advance_stamp", lambda stamp, floor, broker: (broker, floor))


def with_the_whole_wait_taken_off_a_no(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ranks, "WAIT_ALLOWANCE_MS", 0)


def without_the_wait_taken_off_a_yes(patch: pytest.MonkeyPatch) -> None:
    rule = ranks.yes_rank

    def at_arrival(envelope: Envelope, record: Record) -> Rank:
        return rule(msgspec.structs.replace(envelope, waited_ms=0), record)

    patch.setattr(standing, "yes_rank", at_arrival)


def without_broker_skew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(weighing, "BROKER_SKEW_MS", 0)


def with_the_seen_of_another_partition(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ranks, "_same_partition", lambda seen, coordinates: True)


def with_rows_of_two_lanes_joined(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(standing, "lane_mark", lambda record: "")
    patch.setattr(row_forms, "lane_mark", lambda record: "")


def with_stated_times_in_place_of_measured_ones(patch: pytest.MonkeyPatch) -> None:
    def as_stated(envelope: Envelope, record: Record) -> Rank:
        return Rank(envelope.occurred_at if envelope.occurred_at is not None else record.stamp_ms, 0)

    patch.setattr(standing, "yes_rank", as_stated)


def with_every_copy_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(true_times, "Envelope", lambda **fields: Envelope(**{**fields, "may_be_repeat": False}))


@pytest.mark.parametrize(
    ("broken", "small"),
    [
        (without_flight_margin, a_grant_then_a_withdrawal),
        (with_a_flight_margin_one_millisecond_short, a_grant_then_a_withdrawal),
        (without_the_wait_taken_off_a_yes, a_grant_then_a_withdrawal),
        (with_stated_times_in_place_of_measured_ones, a_grant_then_a_withdrawal),
        (without_the_running_maximum, a_regrant_on_a_screen_then_a_withdrawal),
        (with_the_whole_wait_taken_off_a_no, a_regrant_on_a_screen_then_a_withdrawal),
        (without_broker_skew, a_regrant_on_a_screen_then_a_withdrawal),
        (with_the_seen_of_another_partition, a_regrant_on_a_screen_then_a_withdrawal),
        (with_rows_of_two_lanes_joined, a_regrant_on_a_screen_then_a_withdrawal),
        (with_every_copy_counted, a_grant_sent_again_after_a_withdrawal),
    ],
    ids=lambda part: part.__name__,
)
def test_a_broken_rule_lets_a_ghost_grant_through(
    broken: Break, small: Callable[[bool], Iterator[World]], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    assert first_finding(small(False), "ghost") is not None


def test_counting_the_late_copy_of_a_withdrawal_loses_the_grant_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_every_copy_counted(monkeypatch)
    assert first_finding(a_withdrawal_sent_again_after_a_regrant(False), "lost") is not None
