"""How long producers may rely on what they know: an erasure waits so long before it destroys anything.

A producer that resolved somebody just before the block may go on appending under that id until its kept id has grown
old and its last attempt has been given up (races.md, D3). So whoever allows producers these times makes them known
here first, and they only grow: a producer with the old ones may still run.
"""

from typing import Any, NamedTuple

from ledger.read_model import sql

__all__ = ["ProducerWait", "longest", "register"]


class ProducerWait(NamedTuple):
    """Seconds from before a resolve until its id is no longer used for a new attempt, and from encoding an event to
    giving the attempt up. After the sum of both nothing that was resolved before can arrive."""

    cache_seconds: float
    append_seconds: float

    @property
    def total_seconds(self) -> float:
        return self.cache_seconds + self.append_seconds


async def register(connection: Any, wait: ProducerWait) -> ProducerWait:
    """The longest known waits, this one included; durable on return, and never shorter again."""
    row = await connection.fetchrow(sql.load("producer_wait_register"), *wait)
    return ProducerWait(*row)


async def longest(connection: Any) -> ProducerWait | None:
    """The longest waits ever registered, or None when nobody ever did: then nobody was allowed to append."""
    row = await connection.fetchrow(sql.load("producer_wait_find"))
    return None if row is None else ProducerWait(*row)
