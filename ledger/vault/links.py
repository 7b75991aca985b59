"""Who is one person under several subject ids: the groups that verified acts have made, and their locks.

Link and erase lock the rows of the whole group, in order of subject id, before they look at it: so a name that is
joined to a person while they are erased is either erased with them or not joined (races.md, D13). An address shared
by a family joins nobody, since only a verified act makes a link (D12).
"""

from collections.abc import Iterable
from typing import Any, Final

from ledger.errors import Unavailable
from ledger.read_model import sql
from ledger.vault.directory import SubjectState

__all__ = ["group_of", "lock_groups"]

# A group grows by verified acts of one person: it does not grow again and again while it is being locked.
MAX_LOCK_ATTEMPTS: Final = 8

_QUERIES: Final = "ledger.vault.queries"


async def group_of(
    connection: Any, controller_id: int, subject_id: bytes, *, lock: bool
) -> tuple[bytes, ...]:
    """Every subject id of the person behind ``subject_id``, itself included, sorted.

    With ``lock``, which needs an open transaction, their rows are locked until it ends, and the group cannot change
    before. Raises ``Unavailable(postgres_unavailable)`` when another transaction holds them for 5 s.
    """
    if lock:
        await lock_groups(connection, controller_id, [subject_id])
    return await _members(connection, controller_id, [subject_id])


async def lock_groups(
    connection: Any, controller_id: int, subject_ids: Iterable[bytes]
) -> dict[bytes, SubjectState]:
    """The state of everybody in the groups of ``subject_ids``, in order of subject id, locked until the caller's
    transaction ends; a subject id that this controller never had is left out.

    Raises ``Unavailable(postgres_unavailable)`` when another transaction holds them for 5 s.
    """
    seeds = sorted(set(subject_ids))
    for _ in range(MAX_LOCK_ATTEMPTS):
        members = await _members(connection, controller_id, seeds)
        locks = connection.transaction()
        # A savepoint: when the group has grown meanwhile, its locks are let go of and taken anew in order.
        await locks.start()
        states = await _lock(connection, controller_id, members)
        if await _members(connection, controller_id, seeds) == members:
            await locks.commit()
            return states
        await locks.rollback()
    raise Unavailable("postgres_unavailable", "The linked group changed again and again while it was locked.")


async def _members(connection: Any, controller_id: int, seeds: list[bytes]) -> tuple[bytes, ...]:
    rows = await connection.fetch(sql.load("subject_group", _QUERIES), controller_id, seeds)
    return tuple(row["subject_id"] for row in rows)


async def _lock(connection: Any, controller_id: int, members: tuple[bytes, ...]) -> dict[bytes, SubjectState]:
    rows = await connection.fetch(sql.load("subject_lock", _QUERIES), controller_id, list(members))
    return {row["subject_id"]: SubjectState(row["state"]) for row in rows}
