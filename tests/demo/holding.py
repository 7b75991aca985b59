"""A process of holders: the systems of the five companies that hold personal data, as their own teams would write them.

``python -m tests.demo.holding FOLDER BOOTSTRAP DSN company:holder …``. Keys and memories lie in FOLDER. The CRM is a
table in Postgres, the mailing list a compacted topic; the others are firms outside that answer by their order alone.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg

from ledger.sdk.compacted_topic import CompactedTopicHolder
from ledger.sdk.holder import Erased, Holder, NothingHeld, PersonToErase

CRM = """
create table if not exists crm_customer (
    controller text, email text, name text, marketing text, invoices text, primary key (controller, email)
)
"""


async def main(folder: Path, bootstrap: str, dsn: str, names: list[str]) -> None:
    """Runs the holders until the process is told to end."""
    customers = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    holders = [_holder(folder, bootstrap, customers, *name.split(":")) for name in names]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: [one.stop() for one in holders])
    try:
        await asyncio.gather(*(holder.run() for holder in holders))
    finally:
        await customers.close()


def _holder(folder: Path, bootstrap: str, customers: Any, controller: str, name: str) -> Holder:
    holder = Holder.from_files(
        controller=controller,
        name=name,
        keys=folder / "holders" / f"{controller}-{name}.json",
        ledger_key=folder / "holders" / "ledger-order-key.pub",
        bootstrap=bootstrap,
        memory=folder / "holders" / f"{controller}-{name}.sqlite3",
        at_once=50,
    )
    if name == "mailing_list":
        holder.erases(CompactedTopicHolder(bootstrap, f"holder.{controller}.mailing-list").forget)
    elif name == "crm":
        holder.erases(_crm(customers, controller))
    else:
        holder.erases(_firm_outside)
    return holder


def _crm(customers: Any, controller: str) -> Callable[[PersonToErase], Awaitable[Erased | NothingHeld]]:
    """Deletes the customer; of an erasure of some categories, empties the columns that hold them."""

    async def forget(person: PersonToErase) -> Erased | NothingHeld:
        who = (controller, list(person.emails))
        if not person.categories:
            done = await customers.execute(
                "delete from crm_customer where controller = $1 and email = any($2)", *who
            )
        else:
            rest = person.categories != ("marketing",)
            done = await customers.execute(
                "update crm_customer set marketing = null, name = case when $3 then null else name end"
                " where controller = $1 and email = any($2)",
                *who, rest,
            )  # fmt: skip
        evidence = json.dumps({"order": person.order_id.hex(), "done": done}).encode()
        found = int(done.split()[1])
        return Erased(found=found, evidence=evidence) if found else NothingHeld(evidence=evidence)

    return forget


async def _firm_outside(person: PersonToErase) -> NothingHeld:
    return NothingHeld(evidence=json.dumps({"order": person.order_id.hex(), "found": 0}).encode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
