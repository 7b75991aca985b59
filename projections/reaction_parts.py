"""What orders and acknowledgements use: connections to both databases, the secrets, one appender. Opened at first use.

Faust starts timers, agents and services in an order of its own, so whoever comes first opens them and the others wait.
"""

import asyncio
from typing import Any, Final, NamedTuple

from ledger.erasure.holders import Holders
from ledger.errors import Unavailable
from ledger.event_log.producer import Appender
from ledger.read_model import pool
from ledger.settings import ReactionsSettings
from ledger.vault import secrets
from ledger.vault.secrets import Secrets

__all__ = ["Opened", "ReactionParts"]


VAULT_CONNECTIONS: Final = 8
"""A request at work takes one, and eight are at work at a time; orders and answers share them."""


class Opened(NamedTuple):
    """``vault`` and ``connections`` are pools, the second of the read model's database."""

    vault: Any
    connections: Any
    secrets: Secrets
    holders: Holders
    appender: Appender


class ReactionParts:
    """One per process; :meth:`opened` gives the parts, :meth:`close` ends them."""

    def __init__(self, settings: ReactionsSettings) -> None:
        self.settings = settings
        self._opened: Opened | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def opened(self) -> Opened:
        """The parts. Raises ``Unavailable`` while Postgres is down, ``ConfigurationError`` for wrong secrets."""
        async with self._opening:
            if self._closed:
                raise Unavailable("postgres_unavailable", "This worker is stopping.")
            if self._opened is None:
                self._opened = await self._open()
            return self._opened

    async def close(self) -> None:
        """Waits a few seconds for the log's acknowledgements, and closes all connections."""
        async with self._opening:
            opened, self._opened, self._closed = self._opened, None, True
        if opened is not None:
            await opened.appender.close()
            await opened.vault.close()
            await opened.connections.close()

    async def _open(self) -> Opened:
        settings = self.settings
        loaded = secrets.load(*settings.secret_files)
        connections = await pool.create_read_pool(
            settings.postgres_dsn, application_name="ledger-reactions", schema="read_model"
        )
        try:
            await _verify(settings.postgres_dsn, loaded)
            vault = await pool.create_pool(
                settings.vault_dsn, application_name="ledger-reactions-vault", size=VAULT_CONNECTIONS, stateless=True
            )
        except BaseException:
            await connections.close()
            raise
        appender = Appender(
            settings.kafka_bootstrap,
            client_id="ledger-reactions",
            deadline_s=settings.append_deadline_seconds,
        )
        return Opened(vault, connections, loaded, Holders(connections), appender)


async def _verify(dsn: str, loaded: Secrets) -> None:
    """Returns when this database was made with these secrets; the first process of all makes them known."""
    connection = await pool.connect(dsn, application_name="ledger-reactions-secrets")
    try:
        await secrets.verify_fingerprints(connection, loaded)
    finally:
        await connection.close()
