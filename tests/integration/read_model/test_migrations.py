"""Every migration, one at a time, with data before and after; and what the runner refuses."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.errors import ConfigurationError, Unavailable
from ledger.read_model import migrate as runner
from ledger.read_model import pool
from ledger.read_model.migrate import Migration, create_read_model, migrate, migrations
from tests.support.databases import fresh_database

pytestmark = pytest.mark.services

FOLDERS = {"control": runner.READ_MODEL_MIGRATIONS, "vault": runner.VAULT_MIGRATIONS}
TABLES = {
    "control": {
        "controller", "log", "api_key", "secret", "migration", "holder", "producer_wait", "log_copy",
    },
    "read_model": {"position", "standing", "history", "quarantine", "catalogue"},
    "vault": {
        "subject", "directory", "intake_key", "migration", "subject_link", "rights_request", "request_step",
        "erasure_order", "outgoing_event", "vault_position", "evidence",
    },
    "suppression": {"suppression", "erased_before"},
}
# What a running system has in its tables by the time a file has been applied; read again after the last file.
DATA = {
    "0001_control": """
        insert into control.controller (name, size) values ('klingit', 'small');
        insert into control.log select gen_random_uuid(), 1, id, 1, 'murmur2', 'ready' from control.controller;
        insert into control.secret values ('pepper', sha256('x'));
        insert into control.api_key select 'abcd1234', sha256('x'), id, 'shop', array['ask'] from control.controller;
    """,
    "0002_read_model": """
        insert into read_model.position (log_id, generation, lane, partition, controller_id, topic, genesis_id, next_offset)
        values (gen_random_uuid(), 1, 0, 0, 1, 'ledger.klingit.events', gen_random_uuid(), 1);
        insert into read_model.standing (controller_id, subject_id, row_key, shape, voice, kind, rank_ms, rank_seq)
        values (1, gen_random_uuid(), gen_random_uuid(), 'yes', 'person', 'consent', 1, 0);
    """,
    "0003_control_erasure": """
        insert into control.holder (controller_id, name, sealing_key, signing_key)
        select id, 'crm', sha256('x'), sha256('y') from control.controller;
        insert into control.producer_wait values (true, 60, 60);
        insert into control.log_copy select log_id, generation, 0, 0, 7 from control.log;
    """,
    "0004_read_model_resolutions": """
        insert into read_model.quarantine
        (controller_id, generation, lane, partition, "offset", reason, broker_ms, stamp_ms, clock_floor_ms, record_digest)
        values (1, 1, 0, 0, 5, 'malformed_record', 1, 1, 0, sha256('x'));
    """,
    "0002_vault_erasure": """
        insert into vault.rights_request
        (controller_id, request_id, kind, state, identity, source, content_mac, subject_ids, categories, received_ms, due_ms)
        select 1, gen_random_uuid(), 'erasure', 'ordered', 'proven', 'shop', gen_random_uuid(), array[subject_id], '{}', 1, 2
        from vault.subject;
        insert into vault.request_step select 1, request_id, 'requested', 1 from vault.rights_request;
        insert into vault.erasure_order
        (controller_id, order_id, request_id, holder, method, categories, required_verification, issued_ms, due_ms)
        select 1, gen_random_uuid(), request_id, 'crm', 'order', '{}', 2, 1, 2 from vault.rights_request;
        insert into vault.outgoing_event (controller_id, event_id, subject_id, step, event)
        select 1, gen_random_uuid(), subject_id, 'linked', 'x' from vault.subject;
        insert into vault.vault_position values (gen_random_uuid(), 1, 0, 1, 5);
        insert into vault.evidence select 1, sha256('x'), subject_id, 'x', 1 from vault.subject;
    """,
    "0003_suppression": """
        insert into suppression.suppression (controller_id, pepper_epoch, digest, no_key, rank_ms, rank_seq)
        values (1, 1, gen_random_uuid(), gen_random_uuid(), 1, 0);
        insert into suppression.erased_before values (1, 1, gen_random_uuid(), 1);
    """,
    "0001_vault": """
        insert into vault.subject (controller_id, subject_id, wrapped_key, key_epoch) values (1, gen_random_uuid(), 'x', 1);
        insert into vault.directory
        select 1, 1, gen_random_uuid(), subject_id, 'email', 1, 'x' from vault.subject;
        insert into vault.intake_key
        select 1, 'shop', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), subject_id from vault.subject;
    """,
}


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[Any]:
    opened = await pool.connect(empty_database, application_name="test")
    yield opened
    await opened.close()


async def tables_of(connection: Any, schema: str) -> set[str]:
    rows = await connection.fetch(
        "select table_name from information_schema.tables where table_schema = $1", schema
    )
    return {row["table_name"] for row in rows}


async def rows_in(connection: Any) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for schema, tables in TABLES.items():
        for table in (tables - {"migration"}) & await tables_of(connection, schema):
            rows = await connection.fetch(f"select * from {schema}.{table}")
            found[f"{schema}.{table}"] = [dict(row) for row in rows]
    return found


def kept(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> bool:
    """Whether every column that was there still says what it said."""
    return old == [{name: row[name] for name in before} for before, row in zip(old, new, strict=True)]


async def test_each_migration_keeps_the_rows_that_were_there(empty_database: str, connection: Any) -> None:
    last = max(len(migrations(folder)) for folder in FOLDERS.values())
    before: dict[str, list[dict[str, Any]]] = {}
    for target in range(1, last + 1):
        fresh = [entry.name for entry in await migrate(empty_database, target=target) if entry.fresh]
        now = await rows_in(connection)
        assert [table for table, rows in before.items() if not kept(rows, now[table])] == []
        for name in fresh:
            await connection.execute(DATA[name])
        before = await rows_in(connection)
    assert before["read_model.standing"] and before["vault.directory"]
    assert {schema: await tables_of(connection, schema) for schema in TABLES} == TABLES


def test_every_migration_has_data_to_be_tried_with() -> None:
    assert {migration.name for folder in FOLDERS.values() for migration in migrations(folder)} == set(DATA)


async def test_a_second_run_applies_nothing(database: str) -> None:
    assert not [entry for entry in await migrate(database) if entry.fresh]


async def test_runners_at_the_same_time_apply_each_file_once(empty_database: str) -> None:
    results = await asyncio.gather(*(migrate(empty_database) for _ in range(5)))
    fresh = sorted(entry.name for result in results for entry in result if entry.fresh)
    assert fresh == sorted(DATA)


async def test_the_vault_may_be_a_database_of_its_own(empty_database: str, postgres_dsn: str) -> None:
    async with fresh_database(postgres_dsn) as vault_dsn:
        await migrate(empty_database, vault_dsn=vault_dsn)
        main = await pool.connect(empty_database, application_name="test")
        vault = await pool.connect(vault_dsn, application_name="test")
        assert (await tables_of(main, "vault"), await tables_of(vault, "control")) == (set(), set())
        assert await tables_of(vault, "vault") == TABLES["vault"]
        await main.close()
        await vault.close()


async def test_a_file_that_changed_after_it_was_applied_is_refused(database: str) -> None:
    connection = await pool.connect(database, application_name="test")
    await connection.execute(
        "update control.migration set checksum = sha256('x') where name = '0001_control'"
    )
    await connection.close()
    with pytest.raises(ConfigurationError) as refusal:
        await migrate(database)
    assert refusal.value.code == "migration_changed"
    assert "0001_control" in refusal.value.detail


async def test_a_database_of_a_newer_version_is_refused(database: str) -> None:
    connection = await pool.connect(database, application_name="test")
    await connection.execute("insert into vault.migration values ('9999_vault', sha256('x'))")
    await connection.close()
    with pytest.raises(ConfigurationError) as refusal:
        await migrate(database)
    assert refusal.value.code == "migration_unknown"


async def test_a_file_that_fails_leaves_nothing_behind(
    empty_database: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(5, "0005_read_model_broken", "read_model", "create table half (id int); select 1 / 0;")
    known = migrations(runner.READ_MODEL_MIGRATIONS)
    monkeypatch.setattr(runner, "migrations", lambda package: (*known, broken))
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty_database)
    assert await tables_of(connection, "read_model") == TABLES["read_model"]
    monkeypatch.undo()
    assert [entry.name for entry in await migrate(empty_database) if entry.fresh] == [
        "0001_vault", "0002_vault_erasure", "0003_suppression",
    ]


async def test_a_table_in_use_makes_the_runner_give_up_and_not_queue_for_ever(
    empty_database: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOCK_TIMEOUT_MS", 200)
    await connection.execute("select pg_advisory_lock($1)", runner.RUNNER_LOCK_KEY)
    with pytest.raises(Unavailable) as refusal:
        await migrate(empty_database)
    assert refusal.value.code == "postgres_unavailable"


async def test_a_scratch_read_model_has_the_same_tables(database: str) -> None:
    connection = await pool.connect(database, application_name="test", schema="read_model")
    await create_read_model(connection, "scratch_Odd-name")
    columns = """select table_name, column_name, data_type, is_nullable, column_default, ordinal_position
                 from information_schema.columns where table_schema = $1 order by table_name, ordinal_position"""
    live = await connection.fetch(columns, "read_model")
    assert live and live == await connection.fetch(columns, "scratch_Odd-name")
    indexes = "select indexname from pg_indexes where schemaname = $1 order by 1"
    assert await connection.fetch(indexes, "read_model") == await connection.fetch(
        indexes, "scratch_Odd-name"
    )
    assert await connection.fetchval("show search_path") == '"read_model"'
    await connection.close()


async def test_a_scratch_schema_that_exists_is_not_written_into(database: str) -> None:
    connection = await pool.connect(database, application_name="test")
    with pytest.raises(Exception, match="already exists"):
        await create_read_model(connection, "read_model")
    await connection.close()


async def test_a_gap_in_the_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.sql, "scripts", lambda package: (("0001_control", ""), ("0003_control", "")))
    with pytest.raises(ConfigurationError, match="migration_misnamed"):
        migrations("anything")


async def test_an_episode_may_start_with_its_end_and_a_row_without_any_half_is_refused(database: str) -> None:
    connection = await pool.connect(database, application_name="test", schema="read_model")
    insert = """insert into standing (controller_id, subject_id, row_key, shape, voice, kind, second_rank_ms)
                values (1, $1, $1, 'episode', 'person', 'objection', $2)"""
    await connection.execute(insert, os.urandom(16), 5)
    with pytest.raises(Exception, match="check constraint"):
        await connection.execute(insert, os.urandom(16), None)
    await connection.close()
