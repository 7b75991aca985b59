"""What an import keeps: how far it came, who stands twice in the file, and the lines that it turned away."""

import csv
import stat
from pathlib import Path

import msgspec
import pytest

from ledger.domain.envelope import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import Conflict, LedgerError, Rejected, Unavailable
from ledger.importing.census import Census
from ledger.importing.checkpoint import Checkpoint, CheckpointFile
from ledger.importing.rejects import RejectsFile

FRESH = Checkpoint(controller="shop", log_id="00" * 16, generation=1, file_digest="aa", plan_digest="bb")


def moved(**changes: object) -> Checkpoint:
    return msgspec.structs.replace(FRESH, line=7, **changes)


def entry(lane: Lane, next_offset: int) -> PositionEntry:
    return PositionEntry(
        log_id=bytes(16), generation=1, lane=lane, partition=0, next_offset=next_offset, stamp_ms=next_offset
    )


def test_a_run_goes_on_where_the_last_one_broke_off(tmp_path: Path) -> None:
    state = CheckpointFile(tmp_path)
    assert state.start(FRESH, restart=False) == FRESH
    state.write(moved())
    assert state.start(FRESH, restart=False) == moved()
    assert state.start(FRESH, restart=True) == FRESH
    assert [left.name for left in tmp_path.iterdir()] == ["checkpoint.json"]


def test_a_run_that_came_to_its_end_is_begun_anew(tmp_path: Path) -> None:
    state = CheckpointFile(tmp_path)
    state.write(moved(at="done"))
    assert state.start(FRESH, restart=False) == FRESH


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"file_digest": "other"}, "file_changed"), ({"plan_digest": "other"}, "import_changed"),
     ({"controller": "other"}, "import_changed"), ({"generation": 2}, "import_changed")],
    ids=["file", "plan", "controller", "log"],
)  # fmt: skip
def test_a_run_of_something_else_does_not_go_on(tmp_path: Path, changes: dict[str, object], code: str) -> None:
    state = CheckpointFile(tmp_path)
    state.write(moved(**changes))
    with pytest.raises(Conflict) as refused:
        state.start(FRESH, restart=False)
    assert refused.value.code == code


@pytest.mark.parametrize("written", [b"", b"{}", b'{"format": 2}', msgspec.json.encode(msgspec.structs.replace(FRESH, format=2))],
                         ids=["empty", "nothing", "newer", "newer-whole"])  # fmt: skip
def test_a_state_that_nobody_of_ours_wrote_is_refused(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "checkpoint.json").write_bytes(written)
    with pytest.raises(LedgerError, match="state_malformed"):
        CheckpointFile(tmp_path).start(FRESH, restart=False)


def test_two_imports_of_one_file_do_not_run_at_once(tmp_path: Path) -> None:
    held = CheckpointFile(tmp_path / "state").held()
    again = CheckpointFile(tmp_path / "state").held()
    with held, pytest.raises(Unavailable, match="import_running"), again:
        raise AssertionError("both held it")
    with CheckpointFile(tmp_path / "state").held():
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Rejected, match="state_unwritable"), CheckpointFile(tmp_path / "file" / "state").held():
        raise AssertionError("held")


def test_positions_grow_and_keep_the_lanes_apart() -> None:
    reached = FRESH.with_position(Position.of(entry(Lane.LIVE, 5))).with_position(
        Position.of(entry(Lane.LIVE, 3), entry(Lane.BACKFILL, 9))
    )
    assert reached.position(Lane.LIVE) == Position.of(entry(Lane.LIVE, 5))
    assert reached.position(Lane.LIVE, Lane.BACKFILL) == Position.of(entry(Lane.LIVE, 5), entry(Lane.BACKFILL, 9))


def test_the_census_finds_who_stands_twice_and_who_says_opposite_things() -> None:
    census = Census()
    anna, bo, cia, dan = (bytes([n]) * 16 for n in range(4))
    census.add(2, anna, yes=True, no=False)
    census.add(3, bo, yes=True, no=False)
    census.add(4, anna, yes=False, no=True)
    census.add(5, bo, yes=True, no=False)
    census.add(6, cia, yes=True, no=True)
    census.add(7, dan, yes=False, no=True)
    census.add(8, dan, yes=True, no=False)
    assert census.repeats() == 3
    assert census.opposites() == (2, ((2, 4), (8, 7)))


def test_rejected_lines_are_written_for_their_owner_and_no_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "list.rejected.csv"
    with RejectsFile(path, ["email", "=note"]) as rejects:
        rejects.add(2, "identifier_invalid", "", ["@SUM(A1)", "a,b"])
        rejects.add(3, "line_too_long", " =x" + "y" * 10_000)
    header, first, second = csv.reader(path.read_text().splitlines())
    assert header == ["ledger_line", "ledger_code", "email", "'=note"]
    assert first == ["2", "identifier_invalid", "'@SUM(A1)", "a,b"]
    assert second[2].startswith("' =xyyy") and len(second[2]) < 2_100
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_list_without_rejected_lines_leaves_no_file_and_clears_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "list.rejected.csv"
    with RejectsFile(path, ["email"]) as rejects:
        rejects.add(2, "identifier_invalid", "", ["x"])
    with RejectsFile(path, ["email"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_survey_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    path = tmp_path / "list.rejected.csv"
    with pytest.raises(RuntimeError), RejectsFile(path, ["email"]) as rejects:
        rejects.add(2, "identifier_invalid", "", ["x"])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "list.rejected.csv"
    path.write_text("email\nanna@example.se\n")
    with pytest.raises(Conflict, match="rejects_taken"), RejectsFile(path, ["email"]):
        raise AssertionError("opened")
    assert path.read_text() == "email\nanna@example.se\n"


def test_a_place_where_nothing_can_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="rejects_unwritable"), RejectsFile(tmp_path / "no" / "file", ["email"]):
        raise AssertionError("opened")
