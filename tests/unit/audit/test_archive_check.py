"""An export proves itself with nothing but its files: what is sound is told so, and whatever is wrong is named."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.audit.archive_check import ArchiveCheck, check_archive, require_sound
from ledger.domain.events import Lane, QuarantineAdmitted, QuarantineDiscarded, RecordPlace
from ledger.errors import IntegrityViolation, LedgerError, Rejected
from ledger.event_log.archive_files import FileHead, FileWriter
from ledger.event_log.archive_form import MANIFEST, MANIFEST_DIGEST, read_manifest, write_manifest
from tests.support.archives import LOG_ID, flip, lie, small_log, write_archive
from tests.support.log_records import (
    CONTROLLER,
    START_MS,
    RawRecord,
    Tape,
    envelope,
    grant,
    partition,
    subject,
    withdrawal,
)

LIVE = "live-00000-000000000000.avro"
SECOND = "live-00000-000000000025.avro"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound export: three lanes, the live one in several files."""
    write_archive(tmp_path / "export", small_log())
    return tmp_path / "export"


def codes(check: ArchiveCheck) -> list[tuple[str, str | None, int | None]]:
    return [(finding.code, finding.file, finding.offset) for finding in check.findings]


def test_a_sound_export_has_no_finding_and_says_what_holds(folder: Path) -> None:
    check = check_archive(folder)
    assert check.is_sound and codes(check) == []
    assert check.records == 3 + 40 + 20 + 2
    assert check.standing is not None
    assert (check.standing.subjects, check.standing.rows) == (40, 60)
    assert check.standing.outcomes == {"counted": 60, "quarantined": 1, "repeat": 1}


def test_the_standing_of_an_export_does_not_depend_on_how_it_is_cut_into_files(tmp_path: Path) -> None:
    log = small_log()
    digests = set()
    for number, size in enumerate((3, 17, 1_000)):
        write_archive(tmp_path / str(number), log, range_records=size)
        standing = check_archive(tmp_path / str(number)).standing
        assert standing is not None
        digests.add(standing.digest)
    assert len(digests) == 1


def test_one_record_less_is_another_standing(tmp_path: Path) -> None:
    log = small_log()
    write_archive(tmp_path / "whole", log)
    log[Lane.LIVE, 0] = log[Lane.LIVE, 0][:-2]
    write_archive(tmp_path / "less", log)
    whole, less = check_archive(tmp_path / "whole").standing, check_archive(tmp_path / "less").standing
    assert whole is not None and less is not None and whole.digest != less.digest


def test_the_same_range_exported_twice_is_the_same_file(tmp_path: Path) -> None:
    log = small_log()
    for name in ("a", "b"):
        write_archive(tmp_path / name, log)
    assert (tmp_path / "a" / LIVE).read_bytes() == (tmp_path / "b" / LIVE).read_bytes()
    assert (tmp_path / "a" / MANIFEST).read_bytes() == (tmp_path / "b" / MANIFEST).read_bytes()


def remove(folder: Path) -> None:
    (folder / SECOND).unlink()


def cut_short(folder: Path) -> None:
    content = (folder / SECOND).read_bytes()
    (folder / SECOND).write_bytes(content[: len(content) // 2])


def add_a_draft(folder: Path) -> None:
    (folder / (SECOND + ".part")).write_bytes(b"Obj")


def change_the_last_byte(folder: Path) -> None:
    flip(folder / SECOND, -1)


def files(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(file for file in document["files"] if file["name"] == name)
    return found


def says(**changed: Any) -> Callable[[Path], None]:
    """A manifest that says something else of the second file."""
    return lambda folder: lie(folder, lambda document: files(document, SECOND).update(changed))


def forget_the_second(folder: Path) -> None:
    lie(folder, lambda document: document["files"].remove(files(document, SECOND)))


def never_finish(folder: Path) -> None:
    lie(folder, lambda document: document.update(complete=False))


def rewrite_a_schema(folder: Path) -> None:
    lie(folder, lambda document: document["schemas"][0]["definition"].update(doc="another"))


def forget_the_schemas(folder: Path) -> None:
    lie(folder, lambda document: document.update(unknown_schemas=[], schemas=[]))


def bring_a_file_of_another_log(folder: Path) -> None:
    other = folder.parent / "other"
    write_archive(other, small_log(log_id=b"M" * 16), log_id=b"M" * 16)
    shutil.copyfile(other / SECOND, folder / SECOND)
    theirs = next(file for file in read_manifest(other).files if file.name == SECOND)
    says(sha256=theirs.sha256, size=theirs.size)(folder)


SPOILT: dict[str, tuple[Callable[[Path], None], set[tuple[str, str | None, int | None]]]] = {
    "a missing file": (remove, {("archive_file_missing", SECOND, None)}),
    "a truncated file": (cut_short, {("archive_file_truncated", SECOND, None)}),
    "a draft beside": (add_a_draft, {("archive_file_extra", SECOND + ".part", None)}),
    "a changed byte": (change_the_last_byte, {("archive_file_changed", SECOND, None)}),
    "a count that lies": (says(count=24), {("archive_count_differs", SECOND, None)}),
    "a digest that lies": (says(sha256="0" * 64), {("archive_file_changed", SECOND, None)}),
    "a chain that lies": (says(chain="0" * 64), {("archive_chain_differs", SECOND, 25)}),
    "a time that lies": (says(last_ms=5), {("archive_times_differ", SECOND, None)}),
    "a range that lies": (
        says(next_offset=49),
        {("archive_range_differs", SECOND, 50), ("archive_offset_missing", "live-00000-000000000050.avro", 49)},
    ),
    "a file left out of the manifest": (
        forget_the_second,
        {
            ("archive_file_extra", SECOND, None),
            ("archive_offset_missing", "live-00000-000000000050.avro", 25),
        },
    ),
    "a file of another log": (bring_a_file_of_another_log, {("archive_file_foreign", SECOND, 25)}),
    "an export that never finished": (never_finish, {("archive_incomplete", None, None)}),
    "a schema rewritten": (rewrite_a_schema, {("archive_schema_differs", MANIFEST, None)}),
}


@pytest.mark.parametrize("spoiling", list(SPOILT))
def test_what_is_wrong_is_named_with_file_offset_and_code(folder: Path, spoiling: str) -> None:
    spoil, expected = SPOILT[spoiling]
    spoil(folder)
    check = check_archive(folder)
    assert expected <= set(codes(check)), codes(check)
    assert {code for code, _, _ in codes(check)} <= {code for code, _, _ in expected} | {
        "archive_file_unreadable",
        "archive_chain_differs",
    }
    assert check.standing is None, "what was damaged holds nothing"
    with pytest.raises(IntegrityViolation) as raised:
        require_sound(check)
    assert raised.value.code == "archive_damaged"


def test_whatever_byte_is_flipped_is_found(folder: Path) -> None:
    size = (folder / SECOND).stat().st_size
    for at in range(0, size, max(1, size // 60)):
        flip(folder / SECOND, at)
        found = codes(check_archive(folder, fold=False))
        assert ("archive_file_changed", SECOND, None) in found, at
        assert {file for _, file, _ in found} == {SECOND}
        flip(folder / SECOND, at)
    assert check_archive(folder).is_sound


def spoilt_records(tmp_path: Path, spoil: Callable[[list[RawRecord]], None]) -> ArchiveCheck:
    """An export that was written, with fitting digests, from records that are not a log."""
    log = small_log()
    spoil(log[Lane.LIVE, 0])
    write_archive(tmp_path / "spoilt", log, range_records=1_000)
    return check_archive(tmp_path / "spoilt")


def test_an_offset_that_is_missing_inside_a_file_is_found(tmp_path: Path) -> None:
    check = spoilt_records(tmp_path, lambda records: records.pop(7))
    assert ("archive_offset_missing", LIVE, 7) in codes(check)


def test_an_offset_that_stands_twice_is_found(tmp_path: Path) -> None:
    check = spoilt_records(tmp_path, lambda records: records.insert(8, records[7]))
    assert ("archive_offset_repeated", LIVE, 7) in codes(check)


def test_records_out_of_order_are_found(tmp_path: Path) -> None:
    def swap(records: list[RawRecord]) -> None:
        records[7], records[8] = records[8], records[7]

    found = codes(spoilt_records(tmp_path, swap))
    assert ("archive_offset_missing", LIVE, 7) in found and ("archive_offset_repeated", LIVE, 7) in found


def test_a_partition_that_begins_with_another_log_is_found(tmp_path: Path) -> None:
    log = small_log()
    log[Lane.LIVE, 0][0] = small_log(log_id=b"M" * 16)[Lane.LIVE, 0][0]
    write_archive(tmp_path / "export", log)
    assert ("archive_genesis_foreign", LIVE, 0) in codes(check_archive(tmp_path / "export"))


def test_a_lane_without_a_file_is_found(folder: Path) -> None:
    name = "backfill-00000-000000000000.avro"
    (folder / name).unlink()
    lie(folder, lambda document: document["files"].remove(files(document, name)))
    assert ("archive_genesis_missing", None, 0) in codes(check_archive(folder))


def test_two_files_that_overlap_are_found(folder: Path) -> None:
    log = small_log()
    head = FileHead(CONTROLLER, LOG_ID.hex(), 1, Lane.LIVE, 0, 20)
    with FileWriter(folder, head, bytes(32)) as writer:
        for record in log[Lane.LIVE, 0][20:30]:
            writer.add(record, 1)
        overlapping = writer.finish()
    manifest = read_manifest(folder)
    lie(
        folder,
        lambda document: document["files"].append(
            {name: getattr(overlapping, name) for name in overlapping.__struct_fields__}
        ),
    )
    assert manifest.complete
    assert ("archive_range_overlaps", overlapping.name, 20) in codes(check_archive(folder))


def test_a_schema_that_this_version_does_not_know_is_counted_and_no_damage(tmp_path: Path) -> None:
    log = small_log()
    last = log[Lane.LIVE, 0][-1]
    stranger = b"\xc3\x01" + b"STRANGER" + b"body"
    log[Lane.LIVE, 0].append(RawRecord(last.offset + 1, START_MS + 9_000_000, subject(1), stranger))
    write_archive(tmp_path / "export", log)
    check = check_archive(tmp_path / "export")
    assert check.is_sound
    assert check.unknown_schemas == {b"STRANGER".hex(): 1}
    lie(tmp_path / "export", lambda document: document.update(unknown_schemas=[]))
    assert codes(check_archive(tmp_path / "export")) == [("archive_schema_unlisted", None, None)]


@pytest.mark.parametrize("admitted", [True, False], ids=["admitted", "discarded"])
def test_a_doubt_that_the_log_has_ended_is_ended_in_the_files_too(tmp_path: Path, admitted: bool) -> None:
    """Somebody else's event id under another act: in doubt, until an operator looks past it."""
    log = small_log()
    tape = Tape(partition())
    said = withdrawal()
    first = grant(event_id=said.envelope.event_id)
    again = msgspec.structs.replace(said.envelope, may_be_repeat=True)
    tape.add(subject(900), first)
    doubtful = tape.add(subject(900), msgspec.structs.replace(said, envelope=again))
    log[Lane.LIVE, 0] = [log[Lane.LIVE, 0][0], *tape.records]
    write_archive(tmp_path / "open", log)
    place = RecordPlace(log_id=LOG_ID, generation=1, lane=Lane.LIVE, partition=0, offset=doubtful.offset)
    kind = QuarantineAdmitted if admitted else QuarantineDiscarded
    tape.add(subject(900), kind(envelope=envelope(), record=place, author="anna", reason="looked_at"))
    log[Lane.LIVE, 0] = [log[Lane.LIVE, 0][0], *tape.records]
    write_archive(tmp_path / "ended", log)
    before, after = check_archive(tmp_path / "open").standing, check_archive(tmp_path / "ended").standing
    assert before is not None and after is not None
    assert before.outcomes == {"conflicting": 1, "counted": 1}
    assert after.outcomes == ({"counted": 3} if admitted else {"conflicting": 1, "counted": 2})
    assert after.rows - before.rows == int(admitted)


def test_a_manifest_changed_by_hand_is_not_believed(folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"count":25', '"count":24', 1))
    assert refusal(folder) == "archive_manifest_changed"


def test_a_manifest_without_its_digest_is_not_believed(folder: Path) -> None:
    (folder / MANIFEST_DIGEST).unlink()
    assert refusal(folder) == "archive_manifest_changed"


def test_a_manifest_of_another_form_is_refused(folder: Path) -> None:
    lie(folder, lambda document: document.update(form=2))
    assert refusal(folder) == "archive_manifest_malformed"
    lie_raw(folder)
    assert refusal(folder) == "archive_manifest_malformed"


def lie_raw(folder: Path) -> None:
    import hashlib

    text = b'{"form":1,"files":"none"}'
    (folder / MANIFEST).write_bytes(text)
    (folder / MANIFEST_DIGEST).write_text(f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n")


def test_what_is_no_folder_or_holds_no_export_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "archive_missing"
    assert refusal(tmp_path / "nowhere") == "archive_missing"
    (tmp_path / "file").write_bytes(b"")
    assert refusal(tmp_path / "file") == "archive_missing"


def refusal(folder: Path) -> str:
    with pytest.raises(LedgerError) as raised:
        check_archive(folder)
    assert isinstance(raised.value, Rejected | IntegrityViolation)
    return raised.value.code


def test_a_kill_between_the_two_parts_of_a_manifest_leaves_one_that_counts(folder: Path) -> None:
    before = read_manifest(folder)
    digest = (folder / MANIFEST_DIGEST).read_bytes()
    old = (folder / MANIFEST).read_bytes()
    lie(folder, lambda document: document.update(ledger_version="9"))
    new = (folder / MANIFEST).read_bytes()
    # Killed before the digest was written: the old one counts.
    (folder / (MANIFEST + ".new")).write_bytes(new)
    (folder / MANIFEST).write_bytes(old)
    (folder / MANIFEST_DIGEST).write_bytes(digest)
    assert read_manifest(folder) == before
    # Killed after it, before the rename: the new one counts.
    lie_digest(folder, new)
    assert read_manifest(folder).ledger_version == "9"
    assert ("archive_file_extra", MANIFEST + ".new", None) in codes(check_archive(folder))
    write_manifest(folder, read_manifest(folder))
    assert check_archive(folder).is_sound


def lie_digest(folder: Path, text: bytes) -> None:
    import hashlib

    (folder / MANIFEST_DIGEST).write_text(f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n")
