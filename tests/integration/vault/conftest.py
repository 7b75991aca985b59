"""A vault of the test's own."""

import itertools
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.event_log.producer import Appender
from ledger.read_model import pool
from ledger.read_model.migrate import migrate
from ledger.vault.carrying import Resolver, appending
from ledger.vault.directory import Controller, Directory
from ledger.vault.linking import Linking
from ledger.vault.secrets import Secrets
from ledger.vault.suppressions import Suppressions
from tests.support.coming_back import Gate
from tests.support.databases import fresh_database

_numbers = itertools.count(2)


@pytest.fixture
async def vault(database: str) -> AsyncIterator[Any]:
    connections = await pool.create_pool(database, application_name="test", size=40)
    yield connections
    await connections.close()


@pytest.fixture(scope="session")
async def shared_vault(postgres_dsn: str) -> AsyncIterator[Any]:
    """A vault for tests that have a controller of their own in it."""
    async with fresh_database(postgres_dsn) as dsn:
        await migrate(dsn)
        connections = await pool.create_pool(dsn, application_name="test", size=40)
        yield connections
        await connections.close()


@pytest.fixture(scope="session")
def own_secrets() -> Secrets:
    return Secrets(**{name: os.urandom(32) for name in Secrets.__struct_fields__})


@pytest.fixture
def directory(vault: Any, own_secrets: Secrets) -> Directory:
    return Directory(vault, own_secrets)


@pytest.fixture
def controller() -> Controller:
    return Controller(1, "klingit")


@pytest.fixture
def alone() -> Controller:
    """A controller that no other test has, in the shared vault; without a log."""
    number = next(_numbers)
    return Controller(number, f"c{number}")


@pytest.fixture
async def logged(stack: Any) -> Controller:
    """A controller with a log on the session's Kafka, of one partition."""
    return Controller(next(_numbers), await stack.new_controller())


@pytest.fixture
async def gate(stack: Any) -> AsyncIterator[Gate]:
    """The way to that log, to be shut and held."""
    async with Appender(stack.bootstrap) as appender:
        yield Gate(appending(appender, 1))


@pytest.fixture
def resolver(vault: Any, own_secrets: Secrets, directory: Directory, gate: Gate) -> Resolver:
    return Resolver(vault, directory, Suppressions(vault, own_secrets), gate.append)


@pytest.fixture
def linking(
    vault: Any, own_secrets: Secrets, directory: Directory, resolver: Resolver, gate: Gate
) -> Linking:
    return Linking(vault, own_secrets, directory, resolver, gate.append)
