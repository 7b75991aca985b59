"""What a holder remembers of its orders, so that each is acted upon once and answered as often as it is sent.

An order that could not be carried out lies here as it came, sealed, until it is replaced by its signed
acknowledgement. No name of anybody is ever in the file.
"""

import asyncio
import sqlite3
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, Protocol

__all__ = ["HolderMemory", "Remembered", "SqliteMemory"]


class Remembered(NamedTuple):
    """One order. ``acknowledgement`` is what was answered to sending number ``attempt``, None while it is owed."""

    order_id: bytes
    attempt: int
    received: bytes | None
    tries: int
    acknowledgement: bytes | None
    is_final: bool


class HolderMemory(Protocol):
    """What a holder needs of its memory. Each call is durable on return; the ids are 16 bytes."""

    async def find(self, order_id: bytes) -> Remembered | None:
        """What is known of an order."""

    async def put_off(self, order_id: bytes, attempt: int, received: bytes, next_try_at: float) -> None:
        """Keeps an order that could not be carried out, in place of an earlier sending of it and of a refusal.

        Counts the try; the order is owed again at ``next_try_at`` (seconds since the epoch).
        """

    async def answer(self, order_id: bytes, attempt: int, acknowledgement: bytes, is_final: bool) -> None:
        """Keeps the acknowledgement, which is yet to be sent, in place of the order."""

    async def note_sent(self, order_id: bytes) -> None:
        """Kafka has the acknowledgement."""

    async def owed(self, now: float) -> list[Remembered]:
        """Orders to be tried again now, the oldest first, at most 20."""

    async def unsent(self) -> list[Remembered]:
        """Orders whose acknowledgement Kafka does not have, at most 1,000."""

    async def close(self) -> None:
        """Lets go of the file."""


class SqliteMemory:
    """The default: one file beside the service, on a disk that outlives the process. One process at a time."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._turn = asyncio.Lock()

    async def find(self, order_id: bytes) -> Remembered | None:
        rows = await self._rows("memory_find", order_id)
        return rows[0] if rows else None

    async def put_off(self, order_id: bytes, attempt: int, received: bytes, next_try_at: float) -> None:
        await self._do("memory_put_off", order_id, attempt, received, next_try_at)

    async def answer(self, order_id: bytes, attempt: int, acknowledgement: bytes, is_final: bool) -> None:
        await self._do("memory_answer", order_id, attempt, acknowledgement, is_final)

    async def note_sent(self, order_id: bytes) -> None:
        # Need not be on disk at once: if it is lost, the acknowledgement is sent once more.
        await self._do("memory_note_sent", order_id, synchronous="normal")

    async def owed(self, now: float) -> list[Remembered]:
        return await self._rows("memory_owed", now)

    async def unsent(self) -> list[Remembered]:
        return await self._rows("memory_unsent")

    async def close(self) -> None:
        async with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def _rows(self, query: str, *arguments: object) -> list[Remembered]:
        return [Remembered(*row) for row in await self._do(query, *arguments)]

    async def _do(self, query: str, *arguments: object, synchronous: str = "full") -> list[Any]:
        async with self._turn:
            # In a thread: a commit waits for the disk, and the service's loop must not.
            return await asyncio.to_thread(self._execute, _text(query), arguments, synchronous)

    def _execute(self, statement: str, arguments: tuple[object, ...], synchronous: str) -> list[Any]:
        if self._connection is None:
            # Every statement is a transaction of its own.
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute(_text("memory_table"))
        self._connection.execute(f"pragma synchronous = {synchronous}")
        return self._connection.execute(statement, arguments).fetchall()


@cache
def _text(query: str) -> str:
    return files("ledger.sdk").joinpath("queries", f"{query}.sql").read_text(encoding="utf-8")
