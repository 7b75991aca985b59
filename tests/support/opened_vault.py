"""The vault of a stack, opened as the ledger itself opens it: to see what is kept, and to leave what an erasure leaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ledger import settings
from ledger.read_model import pool, sql
from ledger.settings import ReactionsSettings
from ledger.vault import secrets
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory
from ledger.vault.evidence import EvidenceStore

if TYPE_CHECKING:
    from tests.support.api import ApiUnderTest

__all__ = ["OpenedVault", "opened_vault"]


class OpenedVault:
    """The vault, for one controller."""

    def __init__(self, connections: Any, loaded: secrets.Secrets, controller: Controller) -> None:
        self.connections = connections
        self.secrets = loaded
        self.controller = controller
        self.evidence = EvidenceStore(connections, loaded)
        self.directory = Directory(connections, loaded)

    async def set_state(self, subject_id: str, state: str) -> None:
        """What an erasure does to a subject, and nothing else of it."""
        await self.connections.execute(
            "update vault.subject set state = $2,"
            " wrapped_key = case when $2 = 'destroyed' then null else wrapped_key end where subject_id = $1",
            bytes.fromhex(subject_id),
            state,
        )


@asynccontextmanager
async def opened_vault(api: "ApiUnderTest") -> AsyncIterator[OpenedVault]:
    """The vault behind the API, for the API's controller."""
    loaded = secrets.load(*settings.load(ReactionsSettings, api.stack.environment).secret_files)
    connections = await pool.create_pool(api.stack.dsn, application_name="tests", size=4)
    try:
        async with connections.acquire() as connection:
            number = await connection.fetchval(sql.load("controller_id"), api.controller)
        yield OpenedVault(connections, loaded, Controller(number, api.controller))
    finally:
        await connections.close()
