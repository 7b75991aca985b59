"""Databases of a test's own on the session's Postgres, empty or migrated."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.read_model.migrate import migrate
from tests.support.databases import fresh_database


@pytest.fixture(scope="session")
def postgres_dsn(stack: Any) -> str:
    """The session's Postgres server."""
    dsn: str = stack.dsn
    return dsn


@pytest.fixture
async def empty_database(postgres_dsn: str) -> AsyncIterator[str]:
    """A database in which nothing was made yet."""
    async with fresh_database(postgres_dsn) as dsn:
        yield dsn


@pytest.fixture
async def database(empty_database: str) -> str:
    """A database that all migrations have been applied to."""
    await migrate(empty_database)
    return empty_database
