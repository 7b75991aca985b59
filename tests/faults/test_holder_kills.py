"""``kill -9`` of a holder between any two of its steps: the order is answered all the same."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from ledger.cli.controllers import create_controller
from ledger.domain.identifiers import email
from ledger.order_security import verify_key_of
from ledger.read_model import pool
from ledger.read_model.migrate import migrate
from ledger.sdk.holder_keys import order_key_text
from ledger.vault.directory import Controller
from tests.support.databases import fresh_database
from tests.support.holder_program import Orders
from tests.support.holder_side import ledger_side
from tests.support.orders import Erasure, holder_of, make_secrets

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture
async def ordered(stack: Any) -> AsyncIterator[tuple[Erasure, str]]:
    async with fresh_database(stack.dsn) as dsn:
        await migrate(dsn)
        name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
        made = await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=dsn)
        connections = await pool.create_pool(dsn, application_name="test", size=10)
        yield (
            await Erasure(connections, connections, make_secrets(), Controller(made.id, made.name)).open(),
            dsn,
        )
        await connections.close()


@pytest.mark.parametrize(
    ("dies", "acts"),
    [("acting", 2), ("remembering", 1), ("sending", 1)],
    ids=["acting", "remembering", "sending"],
)
async def test_a_killed_holder_answers_after_its_next_start(
    stack: Any,
    ordered: tuple[Erasure, str],
    tmp_path: Path,
    dies: str,
    acts: int,
) -> None:
    erasure, dsn = ordered
    db = await asyncpg.connect(dsn)
    await db.execute("create table customer (email text)")
    await db.execute("create table acted (order_id text)")
    await db.execute("insert into customer values ('anna@example.se'), ('bo@example.se')")
    keys = await erasure.register("crm")
    keys.write(tmp_path / "keys.json")
    (tmp_path / "ledger.pub").write_text(order_key_text(verify_key_of(erasure.secrets.order_signing_key)))
    told = Orders(
        controller=erasure.controller.name,
        name="crm",
        keys=str(tmp_path / "keys.json"),
        ledger_key=str(tmp_path / "ledger.pub"),
        bootstrap=stack.bootstrap,
        memory=str(tmp_path / "memory.sqlite3"),
        dsn=dsn,
        dies=dies,
    )
    order_id = await erasure.order(holder_of("crm"), email("anna@example.se"))
    async with ledger_side(erasure, stack.bootstrap) as ledger:
        assert await ledger.send() == 1
        assert await run(told, tmp_path) == -signal.SIGKILL
        assert await run(msgspec.structs.replace(told, dies=None), tmp_path) == 0
        first, *more = [taken.outcome for taken in await ledger.take_answers()]
        # In the same words each time, whether the memory or the topic brought the order back.
        assert first == "taken" and set(more) <= {"repeated"}
    assert await db.fetchval("select count(*) from acted") == acts
    assert await db.fetchval("select array_agg(email) from customer") == ["bo@example.se"]
    await db.close()
    assert (await erasure.row(order_id))["state"] == "acknowledged"


async def run(told: Orders, folder: Path) -> int:
    """The exit code of the holder's process."""
    file = folder / "told.json"
    file.write_bytes(msgspec.json.encode(told))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.holder_program",
        str(file),
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        return await asyncio.wait_for(process.wait(), 60)
    except TimeoutError:
        process.kill()
        raise
