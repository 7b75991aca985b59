"""What `ledger topics` and `ledger controllers` share: the lock, and the logs that Postgres knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from ledger.event_log.topics import Log
from ledger.read_model import pool, sql

__all__ = ["log_of", "logs", "making_topics"]

TOPICS_LOCK_KEY: Final = 0x74_6F_70_69_63_73
LOCK_TIMEOUT_MS: Final = 60_000
NEW: Final = "new"


class _HasLog(Protocol):
    """A row of ``controller_list``."""

    @property
    def name(self) -> str: ...
    @property
    def log_id(self) -> bytes | None: ...
    @property
    def generation(self) -> int | None: ...
    @property
    def partitions(self) -> int | None: ...
    @property
    def state(self) -> str | None: ...
    @property
    def is_copy(self) -> bool: ...


@asynccontextmanager
async def making_topics(dsn: str) -> AsyncIterator[Any]:
    """A connection that holds the lock on making topics, for the length of the block."""
    connection = await pool.connect(
        dsn, application_name="ledger-topics", lock_timeout_ms=LOCK_TIMEOUT_MS, statement_timeout_ms=2 * LOCK_TIMEOUT_MS
    )
    try:
        with pool.translated():
            await connection.execute(sql.load("topics_lock"), TOPICS_LOCK_KEY)
        yield connection
    finally:
        await connection.close()


async def logs(connection: Any) -> tuple[Log, ...]:
    """The newest generation of every log."""
    with pool.translated():
        rows = await connection.fetch(sql.load("controller_list"))
    return tuple(
        Log(
            controller=row["name"],
            log_id=row["log_id"],
            generation=row["generation"],
            partitions=row["partitions"],
            is_new=row["state"] == NEW,
            is_copy=row["is_copy"],
        )
        for row in rows
        if row["log_id"] is not None
    )


def log_of(controller: _HasLog) -> Log:
    """The log of a controller that has one."""
    if controller.log_id is None or controller.generation is None or controller.partitions is None:
        raise ValueError(f"{controller.name} has no log yet")
    return Log(
        controller=controller.name,
        log_id=controller.log_id,
        generation=controller.generation,
        partitions=controller.partitions,
        is_new=controller.state == NEW,
        is_copy=controller.is_copy,
    )
