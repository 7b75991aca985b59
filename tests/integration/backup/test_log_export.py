"""Exporting from a real Kafka: one cut through the log, added to later, resumed after a kill, and never with a hole."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from ledger.audit.archive_check import check_archive
from ledger.domain.events import Lane
from ledger.errors import Unavailable
from ledger.event_log.archive_export import export_log
from ledger.event_log.archive_files import Entry, entries_of
from ledger.event_log.archive_form import partitions_of, read_manifest
from ledger.event_log.broker import administering
from ledger.event_log.scanning import scan
from tests.integration.backup.conftest import Ledger, acts
from tests.support.folding import LogUnderTest
from tests.support.log_records import grant, subject, withdrawal

CREATED = "2026-01-01T00:00:00+00:00"


async def on_topic(log: LogUnderTest, lane: Lane, number: int) -> list[Entry]:
    found = []
    async for records in scan(log.stack.bootstrap, log.topic(lane), number, 0):
        found += [Entry(each.offset, each.timestamp, each.key, each.value) for each in records]
    return found


async def test_an_export_holds_every_record_of_three_lanes_byte_for_byte(
    wide_log: LogUnderTest, wide_export: Path
) -> None:
    manifest = read_manifest(wide_export)
    assert manifest.complete and manifest.controller == wide_log.controller
    for lane, number in partitions_of(manifest):
        archived = list(entries_of(wide_export, manifest, lane, number, 0))
        assert archived == await on_topic(wide_log, lane, number)
    assert not list(wide_export.glob("evidence*"))
    assert {schema.name for schema in manifest.schemas} == {"ConsentGiven", "ConsentWithdrawn", "LogGenesis"}


async def test_what_is_exported_again_later_adds_only_what_is_new(
    log: LogUnderTest, exported: Path, ledger: Ledger
) -> None:
    before = {path.name: path.read_bytes() for path in exported.glob("*.avro")}
    again = await ledger("log", "export", str(exported), "--controller", log.controller, "--json")
    assert (again.code, again.document["written_records"], again.document["complete"]) == (0, 0, True)
    await log.append_all(acts(log, range(200, 210)))
    more = await ledger("log", "export", str(exported), "--controller", log.controller, "--json")
    assert more.code == 0 and more.document["written_records"] == len(acts(log, range(200, 210)))
    assert more.document["not_exported"] == ["evidence"]
    assert all((exported / name).read_bytes() == content for name, content in before.items())
    assert check_archive(exported).is_sound


async def test_many_small_ranges_are_the_same_log_as_few_large_ones(
    wide_log: LogUnderTest, wide_export: Path, tmp_path: Path
) -> None:
    report = await export_log(
        wide_log.stack.bootstrap, wide_log.controller, tmp_path / "x", created_at=CREATED, range_records=7
    )
    assert report.files > 30
    assert check_archive(tmp_path / "x").standing == check_archive(wide_export).standing


def test_standing_from_the_files_is_what_was_said(wide_export: Path) -> None:
    standing = check_archive(wide_export).standing
    assert standing is not None
    assert (standing.subjects, standing.rows) == (150, 150 + 50), "a grant of each, and every third withdrew"
    assert standing.outcomes == {"counted": 200, "quarantined": 1, "repeat": 50}


@pytest.mark.faults
async def test_a_killed_export_goes_on_where_whole_files_end(log: LogUnderTest, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    program = (
        "import asyncio, sys; from pathlib import Path; from ledger.event_log.archive_export import export_log;"
        "asyncio.run(export_log(sys.argv[1], sys.argv[2], Path(sys.argv[3]), created_at='x', range_records=2))"
    )
    arguments = (sys.executable, "-c", program, log.stack.bootstrap, log.controller, str(folder))
    process = await asyncio.create_subprocess_exec(*arguments)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.avro"))) < 12:
        assert process.returncode is None and time.monotonic() < deadline
        await asyncio.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    killed = await asyncio.to_thread(check_archive, folder)
    assert "archive_incomplete" in {finding.code for finding in killed.findings}
    whole = {file.name for file in read_manifest(folder).files}
    report = await export_log(
        log.stack.bootstrap, log.controller, folder, created_at=CREATED, range_records=2
    )
    assert report.complete and report.written_files == report.files - len(whole)
    assert check_archive(folder).is_sound


async def test_a_folder_of_another_log_or_of_anything_else_is_refused(
    log: LogUnderTest, exported: Path, ledger: Ledger, stack: Any, tmp_path: Path
) -> None:
    other = await stack.new_controller()
    before = sorted(path.name for path in exported.iterdir())
    outcome = await ledger("log", "export", str(exported), "--controller", other)
    assert outcome.code == 2 and "archive_foreign" in outcome.err
    assert sorted(path.name for path in exported.iterdir()) == before
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    outcome = await ledger("log", "export", str(tmp_path / "letters"), "--controller", other)
    assert outcome.code == 2 and "archive_foreign" in outcome.err
    outcome = await ledger("log", "export", str(tmp_path / "letters" / "dear.txt"), "--controller", other)
    assert outcome.code == 2 and "archive_missing" in outcome.err
    outcome = await ledger("log", "export", str(tmp_path / "letters" / "dear.txt" / "x"), "--controller", other)
    assert outcome.code == 3 and "archive_unwritable" in outcome.err


@pytest.mark.faults
async def test_a_disk_that_is_full_is_told_and_what_is_whole_stays(
    log: LogUnderTest, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    program = (
        "import asyncio, resource, sys; from pathlib import Path;"
        "from ledger.errors import Unavailable; from ledger.event_log.archive_export import export_log\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\n"
        "try: asyncio.run(export_log(sys.argv[1], sys.argv[2], Path(sys.argv[3]), created_at='x'))\n"
        "except Unavailable as error: print(error.code)\n"
    )
    arguments = [sys.executable, "-c", program, log.stack.bootstrap, log.controller, str(folder)]
    done = await asyncio.to_thread(
        subprocess.run, arguments, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("archive_unwritable", "")
    assert not list(folder.glob("*.avro.part"))
    assert not read_manifest(folder).complete
    report = await export_log(log.stack.bootstrap, log.controller, folder, created_at=CREATED)
    assert report.complete and check_archive(folder).is_sound


async def test_a_log_whose_beginning_is_gone_is_told_and_the_rest_is_exported(
    log: LogUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    async with administering(log.stack.bootstrap) as admin:
        await admin.delete_records({TopicPartition(log.topic(Lane.BACKFILL), 0): RecordsToDelete(1)})
    outcome = await ledger("log", "export", str(tmp_path / "x"), "--controller", log.controller, "--json")
    assert outcome.code == 4 and not outcome.document["complete"]
    (finding,) = outcome.document["findings"]
    assert (finding["code"], finding["lane"], finding["partition"]) == ("log_truncated", "backfill", 0)
    check = check_archive(tmp_path / "x")
    assert {each.code for each in check.findings} == {"archive_incomplete", "archive_genesis_missing"}
    assert check.records == 1 + await log.end(), "the other lanes are whole"


async def test_a_log_that_is_another_one_now_is_not_added_to_the_export(
    log: LogUnderTest, exported: Path
) -> None:
    manifest = read_manifest(exported)
    from tests.support.archives import lie

    def other_record(document: dict[str, Any]) -> None:
        for file in document["files"]:
            if file["lane"] == "live":
                file["last_digest"] = "0" * 64

    lie(exported, other_record)
    await log.append_all([(subject(1), grant(controller=log.controller)), (subject(2), withdrawal(controller=log.controller))])
    report = await export_log(log.stack.bootstrap, log.controller, exported, created_at=CREATED)
    assert {finding.code for finding in report.findings} == {"log_diverged"}
    assert report.records == manifest.records and not report.complete


async def test_without_kafka_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as raised:
        await export_log("127.0.0.1:1", "nobody", tmp_path / "x", created_at=CREATED)
    assert raised.value.code == "log_unavailable"
    assert not (tmp_path / "x").exists()
