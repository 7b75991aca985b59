"""Databases of a test's own on the shared server: secrets and migrations bind a whole database, not a controller."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg


def in_database(dsn: str, name: str) -> str:
    """The same server's DSN with another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@asynccontextmanager
async def fresh_database(dsn: str) -> AsyncIterator[str]:
    """The DSN of a new, empty database on the server of ``dsn``; dropped at the end, whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    await _run(dsn, f"create database {name}")
    try:
        yield in_database(dsn, name)
    finally:
        await _run(dsn, f"drop database {name} with (force)")


async def _run(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
