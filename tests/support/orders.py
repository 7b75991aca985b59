"""A controller with holders and open orders, in a database of the test's own: for what needs no whole erasure."""

import os
import time
from typing import Any

from ledger.domain.catalogue import Holder
from ledger.domain.identifiers import Identifier
from ledger.domain.orders import ErasureAcknowledgement
from ledger.erasure import holders
from ledger.erasure.orders import add_order
from ledger.order_security import UNSIGNED, signed, verify_key_of
from ledger.read_model import pool
from ledger.sdk.holder_keys import HolderKeys
from ledger.sealing import key_id
from ledger.vault.directory import Controller
from ledger.vault.secrets import Secrets

DAY_MS = 86_400_000

__all__ = ["DAY_MS", "Erasure", "acknowledgement", "holder_of", "make_secrets", "now_ms"]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def make_secrets() -> Secrets:
    return Secrets(**{field: os.urandom(32) for field in Secrets.__struct_fields__})


def holder_of(name: str, **changed: Any) -> Holder:
    """A holder of the catalogue: a store, found by e-mail and subject id, that gets orders."""
    fields: dict[str, Any] = {
        "id": name,
        "title": {"en": name},
        "kind": "store",
        "method": "order",
        "identifiers": ("email", "subject_id"),
        "deadline_days": 7,
    }
    return Holder(**fields | changed)


class Erasure:
    """One request in state *ordered*, whose orders the test makes."""

    def __init__(self, vault: Any, connections: Any, secrets: Secrets, controller: Controller) -> None:
        self.vault = vault
        self.connections = connections
        self.secrets = secrets
        self.controller = controller
        self.request_id = os.urandom(16)
        self.subject_ids = (os.urandom(16),)

    async def open(self) -> "Erasure":
        """Writes the request's row."""
        async with pool.borrowed(self.vault) as connection:
            await connection.execute(
                "insert into vault.rights_request (controller_id, request_id, kind, state, identity, source, "
                "content_mac, subject_ids, categories, received_ms, due_ms) "
                "values ($1, $2, 'erasure', 'ordered', 'proven', 'test', $3, $4, '{}', $5, $6)",
                self.controller.id, self.request_id, os.urandom(16), list(self.subject_ids),
                now_ms(), now_ms() + 30 * DAY_MS,
            )  # fmt: skip
        return self

    async def register(self, name: str, keys: HolderKeys | None = None) -> HolderKeys:
        """Registers keys for a holder, new ones unless given."""
        made = keys or HolderKeys.make(name)
        public = holders.HolderKeys(made.public.sealing_key, made.public.signing_key)
        async with pool.borrowed(self.connections) as connection:
            await holders.register(connection, self.controller.name, name, public)
        return made

    async def order(self, holder: Holder, *identifiers: Identifier, at_ms: int | None = None) -> bytes:
        """An order to a holder, due to be sent; its id."""
        async with pool.borrowed(self.vault) as connection, connection.transaction():
            return await add_order(
                connection,
                self.secrets,
                controller_id=self.controller.id,
                request_id=self.request_id,
                holder=holder,
                subject_ids=self.subject_ids,
                identifiers=identifiers,
                categories=(),
                now_ms=now_ms() if at_ms is None else at_ms,
            )

    async def row(self, order_id: bytes) -> Any:
        """The order as it stands."""
        async with pool.borrowed(self.vault) as connection:
            return await connection.fetchrow(
                "select * from vault.erasure_order where order_id = $1", order_id
            )

    async def change(self, order_id: bytes, assignment: str) -> None:
        """Sets columns of the order's row, as time or another process would."""
        async with pool.borrowed(self.vault) as connection:
            await connection.execute(
                f"update vault.erasure_order set {assignment} where order_id = $1", order_id
            )

    async def announced(self) -> list[str]:
        """The steps that wait to be told to the log."""
        async with pool.borrowed(self.vault) as connection:
            rows = await connection.fetch(
                "select step from vault.outgoing_event where request_id = $1 order by seq", self.request_id
            )
        return [row["step"] for row in rows]


def acknowledgement(
    erasure: Erasure, order_id: bytes, keys: HolderKeys, /, **changed: Any
) -> ErasureAcknowledgement:
    """The acknowledgement of a holder, signed with ``keys`` after the changes were made."""
    fields: dict[str, Any] = {
        "order_id": order_id,
        "request_id": erasure.request_id,
        "controller": erasure.controller.name,
        "holder": keys.name,
        "outcome": "erased",
        "done_at": now_ms(),
        "found": 2,
        "left": 0,
        "key_id": key_id(verify_key_of(keys.signing_key)),
        "signature": UNSIGNED,
    }
    return signed(ErasureAcknowledgement(**fields | changed), keys.signing_key)
