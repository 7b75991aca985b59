"""How much an import gets while live records come, and where a batch is cut."""

import time
from typing import NamedTuple

import pytest

from projections.pace import RECORDS, RECORDS_BESIDE_LIVE, Pace
from projections.pieces import MAX_RESOLUTIONS, pieces


class Record(NamedTuple):
    offset: int


def test_an_import_has_the_worker_to_itself_while_the_live_lane_is_silent() -> None:
    pace = Pace()
    pace.batch_took(10.0)
    assert (pace.due_in(), pace.records()) == (0.0, RECORDS)


def test_beside_live_records_batches_are_short_and_put_off_by_what_the_last_one_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace()
    pace.live_came()
    assert (pace.due_in(), pace.records()) == (0.0, RECORDS_BESIDE_LIVE)
    pace.batch_took(0.01)
    assert pace.due_in() == pytest.approx(0.04)
    now = 100.04
    assert pace.due_in() == pytest.approx(0.0)
    now = 101.0
    assert pace.records() == RECORDS


def test_a_batch_is_cut_before_and_behind_what_speaks_about_doubts() -> None:
    records = [Record(offset) for offset in range(1, 9)]
    found = [[record.offset for record in piece] for piece in pieces(records, frozenset({3, 4, 8}))]
    assert found == [[1, 2], [3, 4], [5, 6, 7], [8]]


def test_many_that_speak_about_doubts_are_taken_in_bounded_pieces() -> None:
    records = [Record(offset) for offset in range(1, 2 * MAX_RESOLUTIONS + 2)]
    sizes = [len(piece) for piece in pieces(records, frozenset(record.offset for record in records))]
    assert sizes == [MAX_RESOLUTIONS, MAX_RESOLUTIONS, 1]
