"""A controller in a database of the test's own, with its topics on the session's Kafka."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.cli.controllers import create_controller
from ledger.read_model import pool
from ledger.vault.directory import Controller
from tests.support.orders import Erasure, make_secrets


@pytest.fixture
async def ordered(stack: Any, database: str) -> AsyncIterator[Erasure]:
    """A request in state *ordered* of a new controller whose topics exist."""
    made = await create_controller(
        f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}", size="small", bootstrap=stack.bootstrap, dsn=database
    )
    connections = await pool.create_pool(database, application_name="test", size=10)
    yield await Erasure(connections, connections, make_secrets(), Controller(made.id, made.name)).open()
    await connections.close()
