"""A whole ledger to a folder and back: every row of vault and suppressions, and the logs where they are gone."""

import secrets as token
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.cli.controllers import create_controller
from ledger.domain.identifiers import email
from ledger.event_log.archive_form import read_manifest
from ledger.event_log.producer import Appender
from ledger.event_log.topics import Log, topic_name, topics_of
from ledger.read_model import pool
from ledger.read_model.migrate import migrate
from ledger.vault import secrets
from ledger.vault.directory import Controller, Directory
from tests.integration.backup.conftest import Ledger, delete_topics
from tests.support.archives import flip
from tests.support.databases import fresh_database
from tests.support.log_records import grant, subject

ADDRESS = "anna.andersson@example.se"
TABLES = (
    "control.controller", "control.log", "control.secret", "vault.subject", "vault.directory",
    "vault.vault_position", "vault.outgoing_event", "suppression.suppression",
)  # fmt: skip
_SUPPRESSION = """
insert into suppression.suppression (
    controller_id, pepper_epoch, digest, no_key, rank_ms, rank_seq
) values ($1, 1, gen_random_uuid(), gen_random_uuid(), 5, 0)
"""
_POSITION = """
insert into vault.vault_position (log_id, generation, partition, controller_id, next_offset)
select log_id, generation, 0, controller_id, 2 from control.log where controller_id = $1
"""
_OUTGOING = """
insert into vault.outgoing_event (controller_id, event_id, subject_id, step, event)
values ($1, gen_random_uuid(), gen_random_uuid(), 'blocked', '\\x00')
"""


class Place(NamedTuple):
    """A ledger of one company in a database of its own."""

    stack: Any
    dsn: str
    controller: str
    topics: list[str]


@pytest.fixture
async def place(stack: Any, database: str) -> AsyncIterator[Place]:
    """A company with a person in the vault, a suppression, something to send, and acts on its log."""
    name = f"b{token.token_hex(2)}x{token.token_hex(3)}"
    made = await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=database)
    loaded = loaded_secrets(stack)
    connection = await pool.connect(database, application_name="test")
    await secrets.verify_fingerprints(connection, loaded)
    vault = await pool.create_pool(database, application_name="test", schema="vault", size=1)
    await Directory(vault, loaded).resolve(Controller(made.id, name), [email(ADDRESS)])
    await vault.close()
    for statement in (_SUPPRESSION, _POSITION, _OUTGOING, _OUTGOING):
        await connection.execute(statement, made.id)
    await connection.close()
    await say(stack, name, 30)
    log = Log(controller=name, log_id=made.log_id or b"", generation=1, partitions=1, is_new=False)
    yield Place(stack, database, name, [topic.name for topic in topics_of(log)])


def loaded_secrets(stack: Any) -> secrets.Secrets:
    names = ("PEPPER", "SEALING_KEY", "KEY_ENCRYPTION_KEY", "SUPPRESSION_PEPPER", "ORDER_SIGNING_KEY")
    return secrets.load(*(Path(stack.environment[f"LEDGER_{name}_FILE"]) for name in names))


async def say(stack: Any, controller: str, people: int) -> None:
    from ledger.event_log.codec import encode

    async with Appender(stack.bootstrap) as appender:
        for number in range(people):
            value = encode(grant(controller=controller))
            await appender.append(
                topic_name(controller, "events"), 0, subject(number), lambda _, value=value: value, timeout_s=60
            )


@pytest.fixture
async def empty(postgres_dsn: str) -> AsyncIterator[str]:
    """Another database, migrated and empty."""
    async with fresh_database(postgres_dsn) as dsn:
        await migrate(dsn)
        yield dsn


async def rows(dsn: str) -> dict[str, list[Any]]:
    connection = await pool.connect(dsn, application_name="test")
    try:
        return {
            table: [dict(row) for row in await connection.fetch(f"select * from {table} order by 1, 2")]
            for table in TABLES
        }
    finally:
        await connection.close()


async def backed_up(ledger: Ledger, place: Place, folder: Path) -> Any:
    outcome = await ledger("backup", str(folder), "--json", dsn=place.dsn)
    assert outcome.code == 0, outcome.err
    return outcome.document


async def test_a_backup_is_restored_row_by_row_and_a_log_that_stands_is_left_as_it_is(
    place: Place, empty: str, ledger: Ledger, tmp_path: Path
) -> None:
    report = await backed_up(ledger, place, tmp_path / "b")
    assert {each["schema"]: each["rows"] for each in report["sets"]}["suppression"] == 1
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "b").rglob("*.copy"))
    await say(place.stack, place.controller, 5)

    looked = await ledger("restore", str(tmp_path / "b"), "--dry-run", "--json", dsn=empty)
    assert looked.code == 0 and not any((await rows(empty)).values())
    outcome = await ledger("restore", str(tmp_path / "b"), "--json", dsn=empty)
    assert outcome.code == 0, outcome.err
    assert outcome.document["logs"][0]["already_complete"]
    assert await rows(empty) == await rows(place.dsn)
    assert (await ledger("topics", "plan", dsn=empty)).code == 0

    # The person is found by the address, and new numbers go on behind the old ones.
    vault = await pool.create_pool(empty, application_name="test", schema="vault", size=1)
    controller = Controller((await rows(empty))["control.controller"][0]["id"], place.controller)
    (found,) = await Directory(vault, loaded_secrets(place.stack)).lookup(controller, [email(ADDRESS)])
    assert found is not None
    seq = await vault.fetchval(_OUTGOING + " returning seq", controller.id)
    await vault.close()
    assert seq == 3


async def test_a_log_that_is_gone_is_imported_with_the_rest_and_a_second_restore_does_nothing(
    place: Place, empty: str, ledger: Ledger, tmp_path: Path
) -> None:
    await backed_up(ledger, place, tmp_path / "b")
    records = read_manifest(tmp_path / "b" / "logs" / place.controller).records
    await delete_topics(place.stack, place.topics)
    outcome = await ledger("restore", str(tmp_path / "b"), "--json", dsn=empty)
    assert outcome.code == 0, outcome.err
    assert outcome.document["logs"][0]["copied"] == records == 33
    again = await ledger("restore", str(tmp_path / "b"), "--json", dsn=empty)
    assert again.code == 0, again.err
    assert again.document["already_filled"] and again.document["logs"][0]["already_complete"]
    assert (await ledger("topics", "plan", dsn=empty)).code == 0
    verified = await ledger("log", "verify", str(tmp_path / "b" / "logs" / place.controller))
    assert verified.code == 0


async def test_the_next_backup_adds_to_the_logs_and_keeps_only_the_newest_vault(
    place: Place, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "b"
    first = await backed_up(ledger, place, folder)
    await say(place.stack, place.controller, 3)
    # Killed, or Kafka gone: the first backup still counts.
    with monkeypatch.context() as patch:
        patch.setenv("LEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:1")
        failed = await ledger("backup", str(folder), dsn=place.dsn)
    assert failed.code == 3 and "log_unavailable" in failed.err
    from ledger.backup.form import read_backup

    assert read_backup(folder).taken_at == first["taken_at"]
    second = await backed_up(ledger, place, folder)
    assert second["logs"][0]["written_records"] == 3
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["backup.json", "logs", *(each["folder"] for each in second["sets"])]
    )


async def test_a_database_that_is_not_empty_is_refused_and_left_alone(
    place: Place, ledger: Ledger, tmp_path: Path
) -> None:
    await backed_up(ledger, place, tmp_path / "b")
    before = await rows(place.dsn)
    connection = await pool.connect(place.dsn, application_name="test")
    await connection.execute("update vault.subject set created_at = now()")
    await connection.close()
    before = await rows(place.dsn)
    outcome = await ledger("restore", str(tmp_path / "b"), dsn=place.dsn)
    assert outcome.code == 2 and "restore_target_in_use" in outcome.err
    assert await rows(place.dsn) == before


async def test_other_secrets_a_damaged_file_and_no_backup_are_refused_before_anything_is_written(
    place: Place, empty: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "b"
    report = await backed_up(ledger, place, folder)
    directory = next(each["folder"] for each in report["sets"] if each["schema"] == "vault")

    async def refused(code: str, exit_code: int) -> None:
        outcome = await ledger("restore", str(folder), dsn=empty)
        assert outcome.code == exit_code and code in outcome.err, outcome.err
        assert not any((await rows(empty)).values())

    secrets.init(tmp_path / "others")
    with monkeypatch.context() as patch:
        patch.setenv("LEDGER_SUPPRESSION_PEPPER_FILE", str(tmp_path / "others" / "suppression-pepper"))
        await refused("secret_mismatch", 2)
    flip(folder / directory / "directory.copy", 3)
    await refused("backup_damaged", 4)
    flip(folder / directory / "directory.copy", 3)
    (folder / directory / "subject.copy").rename(tmp_path / "aside")
    await refused("backup_damaged", 4)
    (tmp_path / "aside").rename(folder / directory / "subject.copy")
    shutil.move(folder / "logs" / place.controller, tmp_path / "log")
    await refused("archive_missing", 2)
    shutil.move(tmp_path / "log", folder / "logs" / place.controller)
    flip(folder / "backup.json", 60)
    await refused("backup_damaged", 4)
    (folder / "backup.json").unlink()
    await refused("backup_missing", 2)


async def test_a_backup_of_other_migrations_is_refused(
    place: Place, empty: str, ledger: Ledger, tmp_path: Path
) -> None:
    await backed_up(ledger, place, tmp_path / "b")
    connection = await pool.connect(empty, application_name="test")
    await connection.execute("update vault.migration set checksum = decode(repeat('00', 32), 'hex')")
    await connection.close()
    outcome = await ledger("restore", str(tmp_path / "b"), dsn=empty)
    assert outcome.code == 2 and "backup_other_version" in outcome.err
    assert not any((await rows(empty)).values())


async def test_a_folder_of_something_else_is_refused(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    outcome = await ledger("backup", str(tmp_path / "letters"), dsn=place.dsn)
    assert outcome.code == 2 and "backup_foreign" in outcome.err
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]
