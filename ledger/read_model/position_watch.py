"""Waiting until partitions are folded as far as somebody has seen: one small query for all who wait.

Nobody who waits holds a connection. The query runs only while somebody waits.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.positions import PartitionKey
from ledger.errors import Unavailable
from ledger.read_model import pool, sql

__all__ = ["PositionWatch"]

POLL_SECONDS: Final = 0.01
"""Between two looks. A batch of the fold takes about as long; a look at a few partitions takes half a millisecond."""

Waiter = tuple[int, "asyncio.Future[None]"]


class PositionWatch:
    """Looks at position rows through a pool of connections for everybody who waits in this process."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        self._waiting: dict[PartitionKey, list[Waiter]] = {}
        self._task: asyncio.Task[None] | None = None

    async def reach(self, targets: Mapping[PartitionKey, int], timeout_seconds: float) -> bool:
        """Whether every partition was folded up to its target (a next offset) within the time given.

        Raises ``Unavailable`` as soon as Postgres is known to be away.
        """
        loop = asyncio.get_running_loop()
        futures = []
        for key, next_offset in targets.items():
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.setdefault(key, []).append((next_offset, future))
            futures.append(future)
        if not futures:
            return True
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._watch())
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.gather(*futures)
        except TimeoutError:
            return False
        finally:
            self._forget(targets)
        return True

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)

    def _forget(self, targets: Mapping[PartitionKey, int]) -> None:
        for key in targets:
            left = [waiter for waiter in self._waiting.get(key, ()) if not waiter[1].done()]
            if left:
                self._waiting[key] = left
            else:
                self._waiting.pop(key, None)

    async def _watch(self) -> None:
        try:
            while self._waiting:
                for key, next_offset in (await self._look(sorted(self._waiting))).items():
                    self._release(key, next_offset)
                await asyncio.sleep(POLL_SECONDS)
        except asyncio.CancelledError:
            self._fail(Unavailable("postgres_unavailable"))
            raise
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            # Nobody else would tell those who wait, and the next of them starts another watch.
            self._fail(error)

    async def _look(self, keys: list[PartitionKey]) -> dict[PartitionKey, int]:
        async with pool.borrowed(self._connections) as connection:
            rows = await connection.fetch(
                sql.load("read_positions"), *(list(column) for column in zip(*keys, strict=True))
            )
        return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}

    def _release(self, key: PartitionKey, next_offset: int) -> None:
        for target, future in self._waiting.get(key, ()):
            if next_offset >= target and not future.done():
                future.set_result(None)
        self._forget({key: next_offset})

    def _fail(self, error: Exception) -> None:
        for waiters in self._waiting.values():
            for _, future in waiters:
                if not future.done():
                    future.set_exception(error)
        self._waiting.clear()
