"""What outlives an erasure, as events of the id under which the person comes back."""

from typing import Any

import pytest

from ledger.domain.carrying import (
    CarriedNo,
    Match,
    carried_events,
    erased_before,
    is_overtaken,
    kept_noes,
    told_by_the_day,
)
from ledger.domain.envelope import Capture, Coordinates, Lane, Scope, Voice
from ledger.domain.events import ErasureCarried, PreferenceSet, SuppressionCarried
from ledger.domain.ranks import Record
from ledger.domain.rows import Row
from ledger.domain.standing import rows_of
from tests.support.events import envelope

SUBJECT, OTHER = bytes(15) + b"\1", bytes(15) + b"\2"
NO_MS, ERASED_MS, OFFSET = 1_759_000_000_777, 1_760_000_123_456, 4_711
DAY_MS, HOUR_MS = 24 * 3600 * 1000, 3600 * 1000


def opted_out(scope: Scope, offset: int = OFFSET, **fields: Any) -> tuple[Row, ...]:
    event = PreferenceSet(envelope=envelope(), scope=scope, direction="out", **fields)
    coordinates = Coordinates(log_id=b"L" * 16, generation=1, lane=Lane.LIVE, partition=0, offset=offset)
    return rows_of(event, Record(coordinates=coordinates, broker_ms=NO_MS, stamp_ms=NO_MS, clock_floor_ms=0))


def match(*rows: Row) -> Match:
    return Match(kept_noes(rows), ERASED_MS)


def noes_in(*matches: Match | None) -> list[SuppressionCarried]:
    events = carried_events("klingit", SUBJECT, matches)
    return [event for event in events if isinstance(event, SuppressionCarried)]


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        (Scope(), {}),
        (Scope(purpose="newsletter", channel="email"), {}),
        (Scope(purpose_group="marketing"), {}),
        (Scope(channel="sms"), {"message_class": "marketing"}),
        (Scope(purpose="newsletter"), {"topic": "shoes"}),
    ],
    ids=["everything", "purpose", "group", "class", "topic"],
)
def test_a_no_is_carried_with_the_scope_that_it_had(scope: Scope, fields: dict[str, str]) -> None:
    rows = opted_out(scope, **fields)
    (no,) = noes_in(match(*rows))
    assert (no.scope, no.topic, no.message_class) == (scope, fields.get("topic"), fields.get("message_class"))
    assert no.envelope.voice is Voice.PERSON
    # Folded, it covers what the no had covered.
    coordinates = Coordinates(log_id=b"L" * 16, generation=1, lane=Lane.LIVE, partition=0, offset=9)
    (row,) = rows_of(
        no, Record(coordinates=coordinates, broker_ms=ERASED_MS, stamp_ms=ERASED_MS, clock_floor_ms=0)
    )
    was = rows[0]
    assert (row.purpose, row.purpose_group, row.channel, row.item) == (
        was.purpose, was.purpose_group, was.channel, was.item,
    )  # fmt: skip


def test_carrying_twice_is_a_repeat_and_to_another_id_is_not() -> None:
    kept = match(*opted_out(Scope(channel="email")))
    once, again = (carried_events("klingit", SUBJECT, [kept]) for _ in range(2))
    assert once == again
    other = carried_events("klingit", OTHER, [kept])
    ids = [{event.envelope.event_id for event in events} for events in (once, other)]
    assert ids[0].isdisjoint(ids[1]) and len(ids[0]) == len(once) == 2


def test_two_names_of_one_erasure_carry_one_no() -> None:
    kept = match(*opted_out(Scope(channel="email")))
    later = kept._replace(erased_before_ms=ERASED_MS + 5 * HOUR_MS)
    events = carried_events("klingit", SUBJECT, [kept, None, later])
    assert [type(event) for event in events] == [SuppressionCarried, ErasureCarried]
    assert erased_before([kept, later, None]) == erased_before([later])


def test_no_moment_points_at_the_record_that_said_it() -> None:
    (no,) = noes_in(match(*opted_out(Scope(channel="email"))))
    assert no.rank_ms % DAY_MS == 0 and NO_MS <= no.rank_ms < NO_MS + DAY_MS
    assert no.rank_seq == 0
    # Two noes of one day and scope are the same event.
    assert noes_in(match(*opted_out(Scope(channel="email"), offset=OFFSET + 1))) == [no]
    found = erased_before([Match((), ERASED_MS)])
    assert found is not None and found % DAY_MS == 0 and ERASED_MS <= found < ERASED_MS + DAY_MS


def test_a_stranger_carries_nothing() -> None:
    assert carried_events("klingit", SUBJECT, [None]) == ()
    assert erased_before([None]) is None


@pytest.mark.parametrize(
    ("erased_ms", "capture", "effective_ms", "verified", "overtaken"),
    [
        (None, Capture.IMPORT, 0, False, False),
        (ERASED_MS, Capture.SELF, None, False, False),
        (ERASED_MS, Capture.LETTER, ERASED_MS, True, True),
        (ERASED_MS, Capture.LETTER, ERASED_MS + 1, False, False),
        (ERASED_MS, Capture.IMPORT, ERASED_MS + 1, False, True),
        (ERASED_MS, Capture.IMPORT, ERASED_MS + 1, True, False),
        (ERASED_MS, Capture.IMPORT, None, True, False),
    ],
    ids=["stranger", "here_and_now", "old", "later", "unproved", "proved_later", "proved"],
)
def test_an_old_yes_and_an_unproved_one_out_of_a_file_are_overtaken(
    erased_ms: int | None, capture: Capture, effective_ms: int | None, verified: bool, overtaken: bool
) -> None:
    assert is_overtaken(erased_ms, capture, effective_ms, verified=verified) is overtaken


def test_of_noes_of_one_scope_the_latest_is_kept() -> None:
    early, late = opted_out(Scope(channel="email")), opted_out(Scope(channel="email"), offset=OFFSET + 1)
    (kept,) = kept_noes((*late, *early))
    assert isinstance(kept, CarriedNo)
    # By the day, and without the place of its record.
    assert (kept.rank_ms, kept.rank_seq) == (told_by_the_day(late[0].rank.ms), 0)
