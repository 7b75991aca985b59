"""Position rows: made at first sight of a partition, taken by an owner, refused, let go of.

Postgres says who owns a partition. An owner id is random for each claim, so that a restored database never gives an
old owner its number back (races.md, D16); the pid and start of the owner's backend stand beside it, so that the next
owner can end a backend that a frozen client keeps inside a transaction (D14).
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from ledger.errors import Unavailable
from ledger.read_model import pool, sql
from ledger.read_model.folding.records import Partition, PartitionKey, Progress

__all__ = [
    "Taken",
    "copied_below",
    "create",
    "known_log",
    "note_attempt",
    "orphans",
    "refuse_topic",
    "release",
    "take",
    "verdict",
]

CLAIM_LOCK_TIMEOUT_MS: Final = 1_000
# Each try waits a second for the rows and another for the old owner's backend to end.
CLAIM_TRIES: Final = 5
OWNER_ID_BYTES: Final = 16


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A position row as its new owner found it."""

    key: PartitionKey
    owner: bytes
    genesis_id: bytes
    progress: Progress
    previous_owner: bytes | None
    crash_offset: int | None
    crash_count: int
    refused: str | None


async def known_log(
    connection: Any, log_id: bytes, generation: int, controller: str
) -> tuple[int, int] | None:
    """Controller id and number of partitions of a log that is the controller's own, or None."""
    with pool.translated():
        row = await connection.fetchrow(sql.load("log_known"), log_id, generation, controller)
    return None if row is None else (row["controller_id"], row["partitions"])


async def copied_below(connection: Any, key: PartitionKey) -> int:
    """Up to which offset a partition was copied from elsewhere, with the times of its origin; 0 for none."""
    with pool.translated():
        found: int = await connection.fetchval(sql.load("log_copied_below"), *key)
    return found


async def create(
    connection: Any, partition: Partition, genesis_digest: bytes, genesis_broker_ms: int
) -> None:
    """Makes the position row unless there is one; folding starts at offset 1, behind the genesis record."""
    with pool.translated():
        await connection.execute(
            sql.load("position_create"),
            *partition.key,
            partition.controller_id,
            partition.topic,
            partition.genesis_id,
            genesis_digest,
            genesis_broker_ms,
        )


async def take(connection: Any, keys: Iterable[PartitionKey], owner_name: str) -> tuple[Taken, ...]:
    """Takes the rows of ``keys`` for this connection's backend, whoever had them, all or none.

    Waits a second for their locks and only then ends the old owner's backend. Raises ``Unavailable`` when the rows
    stay locked by somebody else.
    """
    ordered = sorted(keys)
    owner = os.urandom(OWNER_ID_BYTES)
    for _ in range(CLAIM_TRIES):
        try:
            return await _try_to_take(connection, ordered, owner, owner_name)
        except asyncpg.LockNotAvailableError:
            await _end_owners(connection, ordered)
    raise Unavailable("position_locked", count=len(ordered))


async def orphans(connection: Any) -> tuple[tuple[str, int], ...]:
    """Topic and partition of every live position whose owner ended without letting go."""
    with pool.translated():
        rows = await connection.fetch(sql.load("position_orphans"))
    return tuple((row["topic"], row["partition"]) for row in rows)


async def verdict(connection: Any, taken: Taken, refused: str | None) -> None:
    """Writes down whether the log behind an owned position was found to be ours; a refused one is let go of."""
    with pool.translated():
        await connection.execute(sql.load("position_verdict"), *taken.key, taken.owner, refused)


async def refuse_topic(connection: Any, topic: str, partition: int, code: str, owner_name: str) -> int:
    """Refuses every position that stood for this partition of a topic; how many there were.

    They are taken first, as in a claim: the owner may be frozen inside a transaction.
    """
    with pool.translated():
        rows = await connection.fetch(sql.load("position_of_topic"), topic, partition)
    if rows:
        for taken in await take(connection, [PartitionKey(*row) for row in rows], owner_name):
            await verdict(connection, taken, code)
    return len(rows)


async def note_attempt(connection: Any, taken: Taken, crash_offset: int, crash_count: int) -> None:
    """Writes down, before its first batch, where a partition is begun after an owner that just ended."""
    with pool.translated():
        await connection.execute(
            sql.load("position_attempt"), *taken.key, taken.owner, crash_offset, crash_count
        )


async def release(connection: Any, owners: Sequence[bytes]) -> None:
    """Lets go of everything that these owner ids still have."""
    if not owners:
        return
    with pool.translated():
        await connection.execute(sql.load("position_release"), list(owners))


async def _try_to_take(
    connection: Any, keys: Sequence[PartitionKey], owner: bytes, owner_name: str
) -> tuple[Taken, ...]:
    try:
        async with connection.transaction():
            await connection.fetchval(sql.load("position_lock_timeout"), str(CLAIM_LOCK_TIMEOUT_MS))
            rows = await connection.fetch(sql.load("position_take"), owner, owner_name, *_columns(keys))
    except asyncpg.LockNotAvailableError:
        raise
    except Exception:
        with pool.translated():
            raise
    return tuple(_taken(row, owner) for row in rows)


async def _end_owners(connection: Any, keys: Sequence[PartitionKey]) -> None:
    with pool.translated():
        rows = await connection.fetch(sql.load("position_owner_backends"), *_columns(keys))
        for row in rows:
            await connection.fetch(
                sql.load("position_end_backend"), row["owner_pid"], row["owner_backend_start"]
            )


def _columns(keys: Sequence[PartitionKey]) -> tuple[list[Any], ...]:
    return tuple([key[index] for key in keys] for index in range(len(PartitionKey._fields)))


def _taken(row: Any, owner: bytes) -> Taken:
    return Taken(
        key=PartitionKey(row["log_id"], row["generation"], row["lane"], row["partition"]),
        owner=owner,
        genesis_id=row["genesis_id"],
        progress=Progress(
            next_offset=row["next_offset"],
            last_digest=row["last_digest"],
            stamp_ms=row["stamp_ms"],
            clock_floor_ms=row["clock_floor_ms"],
        ),
        previous_owner=row["previous_owner"],
        crash_offset=row["crash_offset"],
        crash_count=row["crash_count"],
        refused=row["refused"],
    )
