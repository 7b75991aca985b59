"""A holder in a process of its own that can be told to die: ``python -m tests.support.holder_program <file>``."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg
import msgspec

from ledger.sdk.holder import Erased, Holder, PersonToErase
from ledger.sdk.holder_memory import SqliteMemory


class Orders(msgspec.Struct, kw_only=True):
    """What the program is told. ``dies``: acting, remembering, sending, or None."""

    controller: str
    name: str
    keys: str
    ledger_key: str
    bootstrap: str
    memory: str
    dsn: str
    dies: str | None


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingMemory(SqliteMemory):
    """Kills the process after the answer was remembered, or after it was sent."""

    def __init__(self, path: str, dies: str | None) -> None:
        super().__init__(path)
        self._dies = dies

    async def answer(self, order_id: bytes, attempt: int, acknowledgement: bytes, is_final: bool) -> None:
        await super().answer(order_id, attempt, acknowledgement, is_final)
        if self._dies == "remembering":
            die()

    async def note_sent(self, order_id: bytes) -> None:
        if self._dies == "sending":
            die()
        await super().note_sent(order_id)


async def main(told: Orders) -> None:
    db = await asyncpg.connect(told.dsn)
    holder = Holder.from_files(
        controller=told.controller,
        name=told.name,
        keys=told.keys,
        ledger_key=told.ledger_key,
        bootstrap=told.bootstrap,
        memory=DyingMemory(told.memory, told.dies),
    )

    @holder.erases
    async def forget(person: PersonToErase) -> Erased:
        done = await db.execute("delete from customer where email = any($1)", list(person.emails))
        await db.execute("insert into acted values ($1)", person.order_id.hex())
        if told.dies == "acting":
            die()
        return Erased(found=int(done.split()[1]))

    await holder.run_once()
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Orders)))
