"""A vault of the test's own."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.read_model import pool
from ledger.vault.directory import Controller, Directory
from ledger.vault.secrets import Secrets


@pytest.fixture
async def vault(database: str) -> AsyncIterator[Any]:
    connections = await pool.create_pool(database, application_name="test", size=40)
    yield connections
    await connections.close()


@pytest.fixture(scope="session")
def own_secrets() -> Secrets:
    return Secrets(pepper=os.urandom(32), sealing_key=os.urandom(32), key_encryption_key=os.urandom(32))


@pytest.fixture
def directory(vault: Any, own_secrets: Secrets) -> Directory:
    return Directory(vault, own_secrets)


@pytest.fixture
def controller() -> Controller:
    return Controller(1, "klingit")
