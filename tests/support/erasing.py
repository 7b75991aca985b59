"""A whole ledger on a stack of its own, with one holder, to erase people in: processes can be killed, waits are short."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ledger.api import keys as api_keys
from ledger.domain.catalogue import canonical_document
from ledger.erasure import holders
from ledger.event_log.catalogue_log import write_version
from ledger.order_security import verify_key_of
from ledger.read_model import pool
from ledger.sdk import Ledger, Person, RightsRequest, email, http_transport
from ledger.sdk.compacted_topic import CompactedTopicHolder
from ledger.sdk.holder import Erased, Holder, HolderKeys, NothingHeld, PersonToErase
from ledger.vault import secrets as vault_secrets
from tests.support.catalogue import small_catalogue
from tests.support.holder_side import compacted_topic, running
from tests.support.orders import holder_of

if TYPE_CHECKING:
    from tests.support.services import Stack

__all__ = ["QUICK", "ForgettingLedger", "forgetting_ledger", "person"]

QUICK = {
    "LEDGER_SUBJECT_CACHE_SECONDS": "1",
    "LEDGER_APPEND_DEADLINE_SECONDS": "3",
    "LEDGER_SETTLE_MARGIN_SECONDS": "1",
}
DEADLINE_SECONDS = 90.0
"""After which a test gives up; nothing is asserted to be fast."""
HOLDER = "crm"
LIST = "mailing_list"


class ForgettingLedger:
    """One controller; ``held`` is what its holder knows, by address, ``erased`` the orders that it has carried out."""

    def __init__(self, stack: "Stack", controller: str, ledger: Ledger, database: Any) -> None:
        self.stack = stack
        self.controller = controller
        self.ledger = ledger
        self.database = database
        self.held: set[str] = set()
        self.erased: list[str] = []

    async def forget(self, person: PersonToErase) -> Erased | NothingHeld:
        """The holder's own work."""
        found = self.held & set(person.emails)
        self.held -= found
        self.erased.append(person.order_id)
        return Erased(found=len(found), evidence=b"deleted") if found else NothingHeld(evidence=b"nothing")

    async def meet(self, *names: str) -> list[Person]:
        """People whom the holder knows and who have agreed to the newsletter."""
        people = [email(name) for name in names]
        self.held |= set(names)
        for one in people:
            await self.ledger.grant(one, purpose="newsletter", channel="email", notice="signup@3")
        return people

    async def complete(self, request: RightsRequest) -> RightsRequest:
        """The request when every holder has answered."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not request.is_complete:
            assert time.monotonic() < deadline, request
            await asyncio.sleep(0.2)
            request = await self.ledger.rights_request(request.request_id)
        return request

    async def all_complete(self, requests: Sequence[RightsRequest]) -> list[RightsRequest]:
        """As :meth:`complete`, for many: the API is asked once for each and not again and again."""
        ids = [bytes.fromhex(request.request_id) for request in requests]
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            states = await self.database.fetch(
                "select state, count(*) as requests from vault.rights_request"
                " where request_id = any($1::uuid []) group by 1",
                ids,
            )
            found = {row["state"]: row["requests"] for row in states}
            if found == {"complete": len(ids)}:
                return [await self.ledger.rights_request(request.request_id) for request in requests]
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.5)

    async def events(self, subject_id: str) -> list[tuple[str, str]]:
        """Type and outcome of every record about a subject, oldest first, once all are folded."""
        rows = await self.database.fetch(
            "select event_type, outcome from read_model.history where subject_id = $1"
            ' order by stamp_ms, "offset"',
            bytes.fromhex(subject_id),
        )
        return [(row["event_type"], row["outcome"]) for row in rows]


def person() -> str:
    """An address that nobody else has."""
    return f"{secrets.token_hex(8)}@example.com"


@asynccontextmanager
async def forgetting_ledger(
    stack: "Stack", folder: Path, monkeypatch: Any, *, with_list: bool = False, with_holds: bool = False
) -> AsyncIterator[ForgettingLedger]:
    """The ledger with fold and API running and its holder at work; the reactions are the test's to start.

    ``with_holds``: those of the small catalogue. ``with_list``: a compacted topic is a second holder, which gets tombstones and an order, and is scanned.
    """
    monkeypatch.setattr(http_transport, "ASK_SECONDS", 30.0)
    controller = await stack.new_controller()
    told = {HOLDER: holder_of(HOLDER, verification=2)}
    topic = f"holder.{controller}.mailing-list"
    if with_list:
        await compacted_topic(stack.bootstrap, topic)
        told[LIST] = holder_of(
            LIST, kind="topic", method="both", identifiers=("subject_id",), topic=topic, verification=3
        )
    catalogue = msgspec.structs.replace(small_catalogue(controller), holders=told)
    if not with_holds:
        catalogue = msgspec.structs.replace(catalogue, holds={})
    await write_version(
        stack.bootstrap,
        controller,
        version=1,
        effective_from_ms=time.time_ns() // 1_000_000,
        document=canonical_document(catalogue),
    )
    own = {name: HolderKeys.make(name) for name in told}
    database = await pool.create_pool(stack.dsn, application_name="tests", size=2)
    async with pool.borrowed(database) as connection:
        key = await api_keys.create(
            connection, controller=controller, source="shop", scopes=["record", "ask", "read", "requests"]
        )
        for name, made_keys in own.items():
            public = holders.HolderKeys(made_keys.public.sealing_key, made_keys.public.signing_key)
            await holders.register(connection, controller, name, public)
    stack.start_fold(LEDGER_FOLD_CONTROLLERS=controller)
    api = stack.start_api(**QUICK)
    files = (Path(stack.environment[f"LEDGER_{name.upper()}_FILE"]) for name in vault_secrets.SECRET_FILES)
    order_key = verify_key_of(vault_secrets.load(*files).order_signing_key)
    async with Ledger.connect(api.url, key) as ledger:
        made = ForgettingLedger(stack, controller, ledger, database)
        await _until_in_force(made)
        async with AsyncExitStack() as at_work:
            for name, own_keys in own.items():
                holder = Holder(
                    controller=controller,
                    keys=own_keys,
                    order_key=order_key,
                    bootstrap=stack.bootstrap,
                    memory=folder / f"{name}.sqlite3",
                    at_once=100,
                )
                mailing = CompactedTopicHolder(stack.bootstrap, topic, evidence_folder=folder)
                holder.erases(made.forget if name == HOLDER else mailing.forget)
                await at_work.enter_async_context(running(holder))
            yield made
    await database.close()


async def _until_in_force(made: ForgettingLedger) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = await made.ledger.check(email(person()), purpose="newsletter", channel="email")
        if answer.reason == "subject_unknown":
            known = await made.database.fetchval(
                "select count(*) from read_model.catalogue c join control.controller n on n.id = c.controller_id"
                " where n.name = $1",
                made.controller,
            )
            if known:
                # The intake believes a version for a second.
                await asyncio.sleep(1.1)
                return
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.1)
