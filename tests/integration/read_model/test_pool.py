"""Connections: ids as bytes, deadlines, and errors of Postgres as errors of the ledger."""

import asyncio
import os
from typing import Any

import pytest

from ledger.errors import ConfigurationError, Unavailable
from ledger.read_model import pool
from tests.support.databases import in_database

pytestmark = pytest.mark.services


async def test_ids_go_in_and_come_out_as_sixteen_bytes(empty_database: str) -> None:
    connection = await pool.connect(empty_database, application_name="test")
    ids = [os.urandom(16) for _ in range(3)]
    await connection.execute("create table named (id uuid)")
    await connection.copy_records_to_table("named", records=[(one,) for one in ids])
    rows = await connection.fetch("select id from named where id = any($1::uuid[]) order by id", ids)
    assert [row["id"] for row in rows] == sorted(ids)
    await connection.close()


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://postgres@127.0.0.1:1/postgres", "postgresql://postgres:@/postgres?host=/no/such/folder"],
)
async def test_a_server_that_is_not_there_is_unavailable(dsn: str) -> None:
    with pytest.raises(Unavailable) as refusal:
        await pool.connect(dsn, application_name="test")
    assert (refusal.value.code, refusal.value.retryable) == ("postgres_unavailable", True)


async def test_a_database_that_does_not_exist_is_a_wrong_setting(postgres_dsn: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await pool.connect(in_database(postgres_dsn, "no_such_database"), application_name="test")
    assert refusal.value.code == "postgres_refused"


async def test_a_missing_table_says_that_migrations_are_missing(empty_database: str) -> None:
    connections = await pool.create_pool(empty_database, application_name="test", schema="read_model")
    with pytest.raises(ConfigurationError) as refusal:
        async with pool.borrowed(connections) as connection:
            await connection.fetch("select * from standing")
    assert refusal.value.code == "not_migrated"
    await connections.close()


async def test_a_backend_that_was_ended_is_unavailable_and_the_pool_goes_on(empty_database: str) -> None:
    connections = await pool.create_pool(empty_database, application_name="test", size=1)
    with pytest.raises(Unavailable):
        async with pool.borrowed(connections) as connection:
            await connection.execute("select pg_terminate_backend(pg_backend_pid())")
    async with pool.borrowed(connections) as connection:
        assert await connection.fetchval("select 1") == 1
    await connections.close()


async def test_a_closed_pool_is_unavailable(empty_database: str) -> None:
    connections = await pool.create_pool(empty_database, application_name="test")
    await connections.close()
    with pytest.raises(Unavailable):
        async with pool.borrowed(connections):
            raise AssertionError("a closed pool gave out a connection")


async def test_a_fault_in_our_own_statement_is_not_taken_for_an_outage(empty_database: str) -> None:
    connection = await pool.connect(empty_database, application_name="test")
    with pytest.raises(Exception, match="syntax error"), pool.translated():
        await connection.execute("selekt")
    await connection.close()


async def test_waiting_for_a_row_lock_ends(empty_database: str) -> None:
    first = await pool.connect(empty_database, application_name="test")
    second = await pool.connect(empty_database, application_name="test", lock_timeout_ms=100)
    await first.execute("create table one (id int); insert into one values (1)")
    async with first.transaction():
        await first.execute("select * from one for update")
        with pytest.raises(Unavailable), pool.translated():
            await second.execute("select * from one for update")
    await first.close()
    await second.close()


async def test_a_reader_cannot_write(database: str) -> None:
    connections = await pool.create_read_pool(database, application_name="test", schema="read_model")
    with pytest.raises(Unavailable) as refused:
        async with pool.borrowed(connections) as connection:
            await connection.execute("delete from position")
    assert refused.value.context["cause"] == "ReadOnlySQLTransactionError"
    await connections.close()


async def test_a_reader_goes_back_to_its_pool_without_a_round_trip(database: str) -> None:
    reads = await pool.create_read_pool(database, application_name="test", size=1)
    writes = await pool.create_pool(database, application_name="test", size=1)

    async def last_statement(connections: Any) -> str:
        async with pool.borrowed(connections) as connection:
            pid = await connection.fetchval("select pg_backend_pid() as asked")
        async with pool.borrowed(writes if connections is reads else reads) as other:
            text: str = await other.fetchval("select query from pg_stat_activity where pid = $1", pid)
            return text

    assert "asked" in await last_statement(reads)
    assert "asked" not in await last_statement(writes)
    await asyncio.gather(reads.close(), writes.close())
