"""What an import puts on the log, for whom, in which order, and what it leaves alone."""

import csv
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.envelope import Capture, Lane, Origin, Voice
from ledger.domain.events import ConsentGiven, ConsentWithdrawn, ErasureCarried, ObjectionRaised
from ledger.domain.identifiers import email
from tests.support.shop import Logged, Run, Shop

pytestmark = pytest.mark.services

Do = Callable[[Any], Any]
Write = Callable[..., Path]
AGREED = "2023-05-01 10:00:00,2023-05-01 10:01:00"
LEFT = "2024-01-01 00:00:00"
HEADER = "Email Address,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,TAGS"
ANNA = f"anna@example.se,{AGREED},,vip"
BO = f"bo@example.se,{AGREED},{LEFT},"


def ids(events: list[Logged]) -> list[bytes]:
    return sorted(one.event.envelope.event_id for one in events)


def test_grants_go_to_the_backfill_lane_and_unsubscribes_to_the_live_one(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    said = run(shop, write(ANNA, BO), "--yes", "--json")
    assert said.code == 0, said.err
    assert said.document["recorded"] | {"unsubscribes_position": "", "position": ""} == {
        "unsubscribes": 1, "grants": 2, "left_out": {}, "unsubscribes_position": "", "position": "",
        "went_on_after_line": None, "folded": None,
    }  # fmt: skip

    [no] = do(shop.events(Lane.LIVE))
    assert isinstance(no.event, ConsentWithdrawn)
    assert (no.event.scope.purpose, no.event.scope.channel) == ("newsletter", "email")
    grants = do(shop.events(Lane.BACKFILL))
    assert {type(one.event) for one in grants} == {ConsentGiven} and len(grants) == 2
    for one in (no, *grants):
        envelope = one.event.envelope
        assert (envelope.voice, envelope.capture, envelope.origin) == (Voice.PERSON, Capture.IMPORT, Origin.IMPORTED)
        assert (envelope.occurred_at, envelope.waited_ms) == (None, None)
        assert envelope.may_be_repeat and not envelope.stated_exactly
    [anna, bo] = do(shop.known([email("anna@example.se"), email("bo@example.se")]))
    assert {one.subject_id for one in grants} == {anna.subject_id, bo.subject_id}
    assert no.subject_id == bo.subject_id


def test_the_same_list_again_is_the_same_events_and_a_mended_one_adds_what_changed(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    undated = "cia@example.se,,,yes,"
    path = write(ANNA, BO, undated)
    assert run(shop, path, "--yes").code == 0
    live, backfill = do(shop.events(Lane.LIVE)), do(shop.events(Lane.BACKFILL))
    assert run(shop, path, "--yes").code == 0
    assert set(ids(do(shop.events(Lane.LIVE)))) == set(ids(live))
    assert set(ids(do(shop.events(Lane.BACKFILL)))) == set(ids(backfill))

    mended = write(ANNA, BO, undated, f"dan@example.se,{AGREED},,")
    assert run(shop, mended, "--yes").code == 0
    assert len(set(ids(do(shop.events(Lane.BACKFILL)))) - set(ids(backfill))) == 1
    # Nobody can say whether an undated unsubscribe in another file is the same one: it counts anew.
    assert len(set(ids(do(shop.events(Lane.LIVE)))) - set(ids(live))) == 1


def test_an_unsubscribe_means_what_the_catalogue_says(shop: Shop, run: Run, write: Write, do: Do) -> None:
    said = run(shop, write(BO), "--purpose", "offers", "--channel", "email", "--yes", plain=False)
    assert said.code == 2 and "notice_required" in said.err, said.err
    left = write(f"bo@example.se,,,{LEFT},")
    assert run(shop, left, "--purpose", "offers", "--channel", "email", "--yes", plain=False).code == 0
    [no] = do(shop.events(Lane.LIVE))
    assert isinstance(no.event, ObjectionRaised)
    assert no.event.episode_id == no.event.envelope.event_id


def test_tags_grant_further_purposes_and_who_leaves_leaves_them_all(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    said = run(shop, write(ANNA, BO), "--tag-purpose", "VIP=profiling", "--yes")
    assert said.code == 0, said.err
    [anna] = do(shop.known([email("anna@example.se")]))
    granted = [one.event.scope.purpose for one in do(shop.events(Lane.BACKFILL)) if one.subject_id == anna.subject_id]
    assert sorted(granted) == ["newsletter", "profiling"]
    assert sorted(one.event.scope.purpose for one in do(shop.events(Lane.LIVE))) == ["newsletter", "profiling"]


def test_exact_times_rank_an_unsubscribe_by_the_end_of_the_stated_instant(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    assert run(shop, write(BO), "--times-exact", "--yes").code == 2
    assert run(shop, write(BO), "--times-exact", "--zone", "Europe/Stockholm", "--yes").code == 0
    [no] = do(shop.events(Lane.LIVE))
    assert no.event.envelope.stated_exactly
    assert no.event.envelope.effective_from == 1_704_063_600_999


def test_an_unsubscribe_survives_whatever_else_is_wrong_with_its_line(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    path = write("bo@example.se,03/04/2023,,soon,", f"cia@example.se,{AGREED},{LEFT}", "=dan@example.se,,,x,", f"eva at example,,,{LEFT},")
    said = run(shop, path, "--yes", "--json")
    assert said.code == 0, said.err
    assert len(do(shop.events(Lane.LIVE))) == 3 and do(shop.events(Lane.BACKFILL)) == []
    undated = [one for one in do(shop.events(Lane.LIVE)) if one.event.envelope.effective_from is None]
    # Of the short line nobody can say which of its times is which.
    assert len(undated) == 3
    assert ("effective_from",) in [one.event.envelope.dropped_fields for one in undated]
    counts = said.document["survey"]["counts"]
    assert counts["dropped"] == {"time_malformed": 1, "columns_differ": 1} and counts["unsubscribes"] == 3
    # The one that cannot be recorded, since nobody can be found for it, is told apart.
    assert counts["unsubscribes_without_person"] == 1


def test_one_person_twice_with_opposite_answers_is_reported_and_the_no_is_on_the_live_lane(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    said = run(shop, write(ANNA, BO, f"Anna@Example.SE,,,{LEFT},"), "--yes", "--json")
    assert said.document["survey"]["opposite_lines"] == [[2, 4]]
    assert said.document["survey"]["counts"]["repeated_people"] == 1
    [anna] = do(shop.known([email("anna@example.se")]))
    assert anna.subject_id in {one.subject_id for one in do(shop.events(Lane.LIVE))}


def test_who_was_erased_is_not_made_known_by_an_old_list(shop: Shop, run: Run, write: Write, do: Do) -> None:
    do(shop.keep_erased(email("anna@example.se")))
    path = write(ANNA, BO)
    said = run(shop, path, "--yes", "--json")
    assert said.document["survey"]["counts"]["rejected"] == {"erased_before": 1}
    assert said.document["recorded"]["left_out"] == {"erased_before": 1}
    assert do(shop.known([email("anna@example.se")])) == [None]
    assert len(do(shop.events(Lane.BACKFILL))) == 1
    assert "erased_before" in Path(said.document["rejects"]).read_text()


def test_an_unsubscribe_of_one_who_was_erased_is_recorded_behind_what_outlived_the_erasure(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    do(shop.keep_erased(email("bo@example.se")))
    assert run(shop, write(BO), "--yes").code == 0
    carried, no = do(shop.events(Lane.LIVE))
    assert isinstance(carried.event, ErasureCarried) and isinstance(no.event, ConsentWithdrawn)
    assert carried.subject_id == no.subject_id
    assert do(shop.events(Lane.BACKFILL)) == []


def test_those_under_erasure_get_no_yes_and_keep_the_no(shop: Shop, run: Run, write: Write, do: Do) -> None:
    """Many at once: each no holds its subject until the erasure cannot miss it."""
    people = [email(f"person-{number}@example.se") for number in range(30)]
    for entry in do(shop.make_known(people)):
        do(shop.block(entry.subject_id))
    path = write(*(f"{who.value},{AGREED},{LEFT if number else ''}," for number, who in enumerate(people)))
    said = run(shop, path, "--yes", "--json")
    assert said.code == 0, said.err
    assert said.document["survey"]["counts"]["rejected"] == {"subject_not_active": 30}
    assert said.document["recorded"]["left_out"] == {"subject_not_active": 30}
    assert (len(do(shop.events(Lane.LIVE))), do(shop.events(Lane.BACKFILL))) == (29, [])


def test_a_dry_run_shows_everything_and_changes_nothing(shop: Shop, run: Run, write: Write, do: Do) -> None:
    path = write(ANNA, BO, "nobody,2023-05-01,2023-05-01,,", f"cia@example.se,03/04/2024,{LEFT},,")
    said = run(shop, path, "--dry-run")
    assert said.code == 1
    assert "a***@e***.se" in said.out and "anna@example.se" not in said.out + said.err
    for shown in ("utf-8, separated by comma", "OPTIN_TIME", "identifier_invalid", "time_ambiguous", "guessed"):
        assert shown in said.out
    assert do(shop.events(Lane.LIVE)) == [] and do(shop.events(Lane.BACKFILL)) == []
    assert do(shop.known([email("anna@example.se")])) == [None]
    assert not path.with_name("members.csv.ledger-import").exists()
    assert run(shop, write(ANNA, name="sound.csv"), "--dry-run").code == 0


def test_without_a_yes_nothing_is_recorded_and_what_to_add_is_said(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    said = run(shop, write(ANNA))
    assert (said.code, said.out) == (1, "") and "--yes" in said.err
    assert do(shop.events(Lane.BACKFILL)) == []


def test_rejected_lines_are_in_a_file_that_only_its_owner_reads_and_no_spreadsheet_runs(
    shop: Shop, run: Run, write: Write
) -> None:
    path = write("=cmd()|'/bin/sh'!A1,2023-05-01,2023-05-01,,@tag", ANNA)
    said = run(shop, path, "--yes", "--json")
    rejects = Path(said.document["rejects"])
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    header, row = csv.reader(rejects.read_text().splitlines())
    assert header[:3] == ["ledger_line", "ledger_code", "Email Address"]
    assert row[:3] == ["2", "identifier_invalid", "'=cmd()|'/bin/sh'!A1"] and row[-1] == "'@tag"
    rejects.unlink()
    rejects.write_text("somebody's own file\n")
    taken = run(shop, path, "--yes")
    assert taken.code == 2 and "rejects_taken" in taken.err
    assert rejects.read_text() == "somebody's own file\n"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--purpose", "sell", "--channel", "email", "--notice", "signup@1"), "purpose_unknown"),
        (("--purpose", "newsletter", "--channel", "email", "--notice", "signup@9"), "notice_unknown"),
        (("--purpose", "newsletter", "--channel", "email", "--map", "email=Mail"), "column_missing"),
        (("--purpose", "newsletter", "--channel", "email", "--zone", "Mars"), "usage"),
    ],
    ids=["purpose", "notice", "column", "zone"],
)
def test_a_name_that_nobody_declared_is_refused_before_anything(
    quiet_shop: Shop, run: Run, write: Write, do: Do, options: tuple[str, ...], code: str
) -> None:
    said = run(quiet_shop, write(ANNA, BO), *options, "--yes", plain=False)
    assert said.code == 2 and code in said.err, said.err
    assert do(quiet_shop.events(Lane.LIVE)) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"PK\x03\x04" + bytes(100), "file_binary"),
        (f"{HEADER}\n{ANNA}\n".encode("utf-16")[:-1], "file_encoding_wrong"),
        (f'{HEADER}\n{BO}\n"open,{AGREED},{LEFT},\n{BO}\n'.encode(), "quotes_open"),
        (f"{BO}\n{BO}\n".encode(), "header_missing"),
        (b"email,name\nbo@example.se,Bo\n", "answers_unmapped"),
        (b"name,status\nBo,yes\n", "column_identifier"),
    ],
    ids=["empty", "spreadsheet", "cut-off", "quote", "no-header", "no-answers", "nobody"],
)
def test_a_file_that_cannot_be_read_whole_records_nothing(
    quiet_shop: Shop, run: Run, tmp_path: Path, do: Do, content: bytes, code: str
) -> None:
    path = tmp_path / "members.csv"
    path.write_bytes(content)
    said = run(quiet_shop, path, "--yes")
    assert said.code == 2 and code in said.err and "This run recorded nothing" in said.err, said.err
    assert said.out == "" and do(quiet_shop.events(Lane.LIVE)) == []
    assert [left.name for left in tmp_path.iterdir()] == ["members.csv"]


def test_a_folder_in_place_of_a_file_is_refused(quiet_shop: Shop, run: Run, tmp_path: Path) -> None:
    said = run(quiet_shop, tmp_path, "--yes", "--json")
    assert said.code == 2 and '"code":"file_unreadable"' in said.err


def test_a_controller_that_does_not_exist_is_refused(quiet_shop: Shop, run: Run, write: Write) -> None:
    stranger = quiet_shop._replace(controller=quiet_shop.controller._replace(name="nobody"))
    said = run(stranger, write(ANNA), "--yes")
    assert said.code == 2 and "controller_unknown" in said.err


def test_an_unknown_word_of_a_status_column_stops_the_import_before_anything(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    path = write("anna@example.se,yes", "bo@example.se,avslutad", header="email,status")
    said = run(shop, path, "--yes")
    assert said.code == 2 and "status_unknown" in said.err and "avslutad" in said.err
    assert do(shop.events(Lane.LIVE)) == []
    assert run(shop, path, "--status", "avslutad=unsubscribed", "--yes").code == 0
    assert len(do(shop.events(Lane.LIVE))) == 1
