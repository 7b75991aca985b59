"""Which holders a controller has registered, with the public keys that orders are sealed to and answers checked by.

Kept beside the controllers and not in the vault: public keys tell nothing about anybody.
"""

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from ledger.domain.identifiers import is_id
from ledger.errors import Conflict, NotFound, Rejected
from ledger.read_model import pool, sql
from ledger.sealing import KEY_BYTES
from ledger.vault.directory import Controller

__all__ = ["HolderKeys", "Holders", "Registration", "register", "registrations", "revoke"]


class HolderKeys(NamedTuple):
    """A holder's public keys: X25519 to seal to, Ed25519 to check its acknowledgements with."""

    sealing_key: bytes
    signing_key: bytes


class Registration(NamedTuple):
    """A pair of keys that is or was in use."""

    name: str
    keys: HolderKeys
    registered_at: datetime
    revoked_at: datetime | None


class Holders:
    """Reads registrations through a pool of the read model's database. Controllers' names never change: kept."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        self._by_id: dict[int, Controller] = {}
        self._by_name: dict[str, Controller] = {}

    async def controller(self, controller_id: int) -> Controller:
        """The controller of a number that stands in a row. Raises ``NotFound(controller_unknown)``."""
        if controller_id not in self._by_id:
            async with pool.borrowed(self._connections) as connection:
                name = await connection.fetchval(sql.load("controller_name"), controller_id)
            if name is None:
                raise NotFound("controller_unknown")
            self._keep(Controller(controller_id, name))
        return self._by_id[controller_id]

    async def controller_of(self, name: str) -> Controller | None:
        """The controller of a name that somebody gave, or None."""
        if name not in self._by_name and is_id(name):
            async with pool.borrowed(self._connections) as connection:
                number = await connection.fetchval(sql.load("controller_id"), name)
            if number is not None:
                self._keep(Controller(number, name))
        return self._by_name.get(name)

    async def keys(self, controller_id: int, holder: str) -> HolderKeys | None:
        """The keys of a holder that are in use now, or None while it has none. Asked anew each time: a revoked key
        must not be trusted for a minute more."""
        async with pool.borrowed(self._connections) as connection:
            row = await connection.fetchrow(sql.load("holder_keys"), controller_id, holder)
        return None if row is None else HolderKeys(row["sealing_key"], row["signing_key"])

    def _keep(self, controller: Controller) -> None:
        self._by_id[controller.id] = self._by_name[controller.name] = controller


async def register(connection: Any, controller: str, holder: str, keys: HolderKeys) -> bool:
    """Puts a holder's keys into use in place of those that it had; False when they are in use already.

    Raises ``NotFound(controller_unknown)``, ``Conflict(holder_keys_revoked)`` for keys that were taken out of use.
    """
    if len(keys.sealing_key) != KEY_BYTES or len(keys.signing_key) != KEY_BYTES:
        raise Rejected("holder_keys_malformed")
    with pool.translated():
        async with connection.transaction():
            controller_id = await _locked(connection, controller)
            row = await connection.fetchrow(sql.load("holder_keys"), controller_id, holder)
            if row is not None and HolderKeys(row["sealing_key"], row["signing_key"]) == keys:
                return False
            await connection.execute(sql.load("holder_revoke"), controller_id, holder)
            try:
                await connection.execute(
                    sql.load("holder_register"), controller_id, holder, keys.sealing_key, keys.signing_key
                )
            except asyncpg.UniqueViolationError as error:
                raise Conflict("holder_keys_revoked", holder=holder) from error
            return True


async def revoke(connection: Any, controller: str, holder: str) -> None:
    """Takes a holder's keys out of use. Raises ``NotFound`` (``controller_unknown``, ``holder_unregistered``)."""
    with pool.translated():
        async with connection.transaction():
            controller_id = await _locked(connection, controller)
            if await connection.fetchval(sql.load("holder_revoke"), controller_id, holder) is None:
                raise NotFound("holder_unregistered", f"{controller} has no keys of {holder} in use.")


async def registrations(connection: Any, controller: str) -> list[Registration]:
    """All keys that a controller's holders have or had. Raises ``NotFound(controller_unknown)``."""
    with pool.translated():
        controller_id = await connection.fetchval(sql.load("controller_id"), controller)
        if controller_id is None:
            raise NotFound("controller_unknown", f"There is no controller {controller}.")
        rows = await connection.fetch(sql.load("holder_list"), controller_id)
    return [
        Registration(
            row["name"],
            HolderKeys(row["sealing_key"], row["signing_key"]),
            row["registered_at"],
            row["revoked_at"],
        )
        for row in rows
    ]


async def _locked(connection: Any, controller: str) -> int:
    controller_id: int | None = await connection.fetchval(sql.load("controller_lock"), controller)
    if controller_id is None:
        raise NotFound("controller_unknown", f"There is no controller {controller}.")
    return controller_id
