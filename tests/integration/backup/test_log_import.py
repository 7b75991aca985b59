"""An export imported again: the same log with the times of its origin, folded to the same standing, then lived on."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.archive_check import check_archive
from ledger.domain.events import Lane
from ledger.event_log.archive_export import export_log
from ledger.event_log.archive_files import entries_of
from ledger.event_log.archive_form import partitions_of, read_manifest
from ledger.event_log.broker import administering
from ledger.event_log.cluster import alter_settings, describe
from ledger.event_log.scanning import bounds_of, scan
from ledger.read_model import pool
from tests.integration.backup.conftest import Ledger, delete_topics, topics
from tests.support.archives import flip, lie
from tests.support.folding import LogUnderTest
from tests.support.log_records import grant, subject

CREATE_TIME, LOG_APPEND_TIME = 0, 1
_ROWS = """
select s.*, c.name from read_model.standing as s inner join control.controller as c on c.id = s.controller_id
where c.name = $1 order by subject_id, row_key
"""


@pytest.fixture
async def elsewhere(log: LogUnderTest, exported: Path, database: str) -> str:
    """A database that knows nothing, on a cluster that has none of the log's topics any more."""
    await delete_topics(log.stack, topics(log))
    return database


async def standing_rows(dsn: str, controller: str) -> list[dict[str, Any]]:
    """Every column of every row but the controller's number, which each database gives by itself."""
    connection = await pool.connect(dsn, application_name="test")
    try:
        rows = await connection.fetch(_ROWS, controller)
    finally:
        await connection.close()
    return [{name: value for name, value in dict(row).items() if name != "controller_id"} for row in rows]


async def test_a_fold_of_the_copy_ends_in_the_same_standing_row_by_row(
    log: LogUnderTest, exported: Path, ledger: Ledger, database: str, tmp_path: Path
) -> None:
    log.start_fold()
    await log.wait_folded()
    original = await standing_rows(log.stack.dsn, log.controller)
    before = check_archive(exported).standing
    log.stack.handles[-1].stop()
    await delete_topics(log.stack, topics(log))

    outcome = await ledger("log", "import", str(exported), "--json", dsn=database)
    assert outcome.code == 0, outcome.err
    assert outcome.document["copied"] == read_manifest(exported).records
    await assert_exact_copy(log, exported)
    plan = await ledger("topics", "plan", "--json", dsn=database)
    assert (plan.code, plan.document) == (0, [])

    worker = log.stack.start_fold(
        LEDGER_FOLD_CONTROLLERS=log.controller, LEDGER_POSTGRES_DSN=database
    )
    copy = await folded_elsewhere(database, log)
    assert copy == original and len(copy) == 200

    # The log lives on, by the broker's own time.
    offset = await log.append(subject(5000), grant(controller=log.controller))
    (appended,) = [records async for records in scan(log.stack.bootstrap, log.topic(), 0, offset)]
    assert appended[0].timestamp_type == LOG_APPEND_TIME
    assert len(await folded_elsewhere(database, log)) == 201
    assert worker.is_running()
    replayed = await ledger("audit", "replay", "--controller", log.controller, dsn=database)
    assert replayed.code == 0, replayed.out
    report = await export_log(log.stack.bootstrap, log.controller, tmp_path / "again", created_at="later")
    assert report.records == read_manifest(exported).records + 1
    again = await ledger("log", "verify", str(exported), "--against-read-model", "--json", dsn=database)
    assert again.code == 0, again.out
    assert again.document["standing"]["digest"] == (before.digest if before else None)
    assert again.document["comparison"]["left_out_subjects"] == 1


async def folded_elsewhere(dsn: str, log: LogUnderTest) -> list[dict[str, Any]]:
    """The standing rows once the live lane is folded to its end in another database."""
    _, end = await bounds_of(log.stack.bootstrap, log.topic(), 0)
    connection = await pool.connect(dsn, application_name="test", schema="read_model")
    statement = "select next_offset, refused from position where topic = $1"
    deadline = time.monotonic() + 60
    try:
        while (row := await connection.fetchrow(statement, log.topic())) is None or row["next_offset"] < end:
            assert time.monotonic() < deadline, row
            await asyncio.sleep(0.05)
        assert row["refused"] is None
    finally:
        await connection.close()
    return await standing_rows(dsn, log.controller)


async def assert_exact_copy(log: LogUnderTest, folder: Path) -> None:
    manifest = read_manifest(folder)
    for lane, number in partitions_of(manifest):
        archived = entries_of(folder, manifest, lane, number, 0)
        async for records in scan(log.stack.bootstrap, log.topic(lane), number, 0):
            for record in records:
                found = (record.offset, record.timestamp, record.key, record.value)
                assert found == tuple(next(archived))
                assert record.timestamp_type == CREATE_TIME
        assert next(archived, None) is None
    async with administering(log.stack.bootstrap) as admin:
        found_topics = await describe(admin, topics(log))
    assert {topic.settings["message.timestamp.type"] for topic in found_topics.topics.values()} == {
        "LogAppendTime"
    }
    (genesis,) = [records async for records in scan(log.stack.bootstrap, log.topic(Lane.EVIDENCE), 0, 0)]
    assert genesis[0].timestamp_type == LOG_APPEND_TIME


async def test_a_dry_run_tells_and_makes_nothing(
    log: LogUnderTest, exported: Path, elsewhere: str, ledger: Ledger
) -> None:
    outcome = await ledger("log", "import", str(exported), "--dry-run", "--json", dsn=elsewhere)
    assert outcome.code == 0 and outcome.document["dry_run"]
    assert (outcome.document["records"], outcome.document["present"], outcome.document["copied"]) == (
        read_manifest(exported).records, 0, 0,
    )  # fmt: skip
    async with administering(log.stack.bootstrap) as admin:
        assert (await describe(admin, topics(log))).topics == {}
    assert (await ledger("controllers", "list", "--json", dsn=elsewhere)).document == []


@pytest.mark.faults
async def test_a_killed_import_goes_on_and_a_finished_one_does_nothing(
    log: LogUnderTest, exported: Path, elsewhere: str, ledger: Ledger
) -> None:
    await kill_an_import(log, exported, elsewhere)
    plan = await ledger("topics", "plan", "--json", dsn=elsewhere)
    assert plan.code == 1, "a log that is being copied is not ready"
    assert not any("to be made" in finding["what"] and log.controller in finding["topic"] for finding in plan.document)
    outcome = await ledger("log", "import", str(exported), "--json", dsn=elsewhere)
    assert outcome.code == 0, outcome.err
    await assert_exact_copy(log, exported)
    again = await ledger("log", "import", str(exported), "--json", dsn=elsewhere)
    assert again.code == 0 and again.document["already_complete"]
    assert (await ledger("topics", "plan", dsn=elsewhere)).code == 0


async def kill_an_import(log: LogUnderTest, exported: Path, dsn: str) -> None:
    """An import that is killed once some records stand on the live topic, written a few at a time."""
    program = (
        "import asyncio, sys; from pathlib import Path; from ledger.event_log import archive_copy\n"
        "from ledger.cli.log import run_import\n"
        "archive_copy.BATCH_BYTES = 400; archive_copy.IN_FLIGHT = 1\n"
        "asyncio.run(run_import(sys.argv[1], sys.argv[2], Path(sys.argv[3])))\n"
    )
    arguments = (sys.executable, "-c", program, log.stack.bootstrap, dsn, str(exported))
    process = await asyncio.create_subprocess_exec(*arguments)
    deadline = time.monotonic() + 60
    async with administering(log.stack.bootstrap) as admin:
        while log.topic() not in await admin.list_topics():
            assert process.returncode is None and time.monotonic() < deadline
            await asyncio.sleep(0.01)
    while (await bounds_of(log.stack.bootstrap, log.topic(), 0))[1] < 5:
        assert process.returncode is None and time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()


async def test_a_target_that_holds_something_else_is_refused(
    log: LogUnderTest, exported: Path, database: str, ledger: Ledger, stack: Any
) -> None:
    """The topics are there, with more records than the export, and this database does not know them."""
    await log.append(subject(1), grant(controller=log.controller))
    outcome = await ledger("log", "import", str(exported), dsn=database)
    assert outcome.code == 2 and "import_target_in_use" in outcome.err
    # A controller of the same name with a log of its own.
    await delete_topics(stack, topics(log))
    made = await ledger("controllers", "create", log.controller, "--size", "small", dsn=database)
    assert made.code == 0
    outcome = await ledger("log", "import", str(exported), dsn=database)
    assert outcome.code == 2 and "import_target_in_use" in outcome.err


@pytest.mark.faults
async def test_a_target_with_another_record_is_refused_and_left_alone(
    log: LogUnderTest, exported: Path, elsewhere: str, ledger: Ledger
) -> None:
    await kill_an_import(log, exported, elsewhere)
    manifest = read_manifest(exported)
    _, end = await bounds_of(log.stack.bootstrap, log.topic(), 0)
    assert end < manifest.next_offset(Lane.LIVE, 0)
    await log.append(subject(77), grant(controller=log.controller))
    outcome = await ledger("log", "import", str(exported), dsn=elsewhere)
    assert outcome.code == 4 and "import_target_differs" in outcome.err
    assert (await bounds_of(log.stack.bootstrap, log.topic(), 0))[1] == end + 1


async def test_a_damaged_export_is_not_imported(
    log: LogUnderTest, exported: Path, elsewhere: str, ledger: Ledger
) -> None:
    flip(next(exported.glob("live-*.avro")), -20)
    outcome = await ledger("log", "import", str(exported), dsn=elsewhere)
    assert outcome.code == 4 and "archive_damaged" in outcome.err and "live-00000" in outcome.err
    async with administering(log.stack.bootstrap) as admin:
        assert (await describe(admin, topics(log))).topics == {}


async def test_verify_against_a_read_model_finds_what_differs(
    log: LogUnderTest, exported: Path, ledger: Ledger
) -> None:
    log.start_fold()
    await log.wait_folded()
    await log.wait_folded(Lane.CATALOGUE)
    same = await ledger("log", "verify", str(exported), "--against-read-model", "--json")
    assert same.code == 0 and same.document["comparison"]["rows"]["standing"] == 200
    await log.connection.execute(
        "delete from standing where controller_id = (select id from control.controller where name = $1)"
        " and subject_id = $2",
        log.controller,
        subject(1),
    )
    differs = await ledger("log", "verify", str(exported), "--against-read-model")
    assert differs.code == 1 and "missing in the live read model, the log has it" in differs.out
    lie(exported, lambda document: document.update(complete=False))
    damaged = await ledger("log", "verify", str(exported), "--against-read-model", "--json")
    assert damaged.code == 4 and "comparison" not in damaged.document


@pytest.mark.slow
async def test_records_with_a_producers_time_behind_a_copy_are_still_refused(
    log: LogUnderTest, exported: Path, elsewhere: str, ledger: Ledger
) -> None:
    assert (await ledger("log", "import", str(exported), dsn=elsewhere)).code == 0
    async with administering(log.stack.bootstrap) as admin:
        await alter_settings(admin, log.topic(), {"message.timestamp.type": "CreateTime"})
    await asyncio.sleep(0.5)
    await log.append(subject(1), grant(controller=log.controller))
    log.stack.start_fold(LEDGER_FOLD_CONTROLLERS=log.controller, LEDGER_POSTGRES_DSN=elsewhere)
    connection = await pool.connect(elsewhere, application_name="test", schema="read_model")
    deadline = time.monotonic() + 60
    try:
        statement = "select refused from position where topic = $1"
        while await connection.fetchval(statement, log.topic()) != "log_create_time":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


@pytest.mark.slow
async def test_an_export_that_is_shorter_than_what_was_folded_is_refused(
    log: LogUnderTest, exported: Path, ledger: Ledger
) -> None:
    await log.append(subject(1), grant(controller=log.controller))
    log.start_fold()
    await log.wait_folded()
    log.stack.handles[-1].stop()
    await delete_topics(log.stack, topics(log))
    outcome = await ledger("log", "import", str(exported))
    assert outcome.code == 4 and "log_truncated" in outcome.err
