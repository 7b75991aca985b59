"""The parts of the ledger that the API's handlers use, opened together and closed together."""

import asyncio
import contextlib
from typing import Any, Final, Self

from ledger.api.appending import LogWriter
from ledger.api.authentication import Authentication
from ledger.api.catalogues import Catalogues
from ledger.api.effects import Effects
from ledger.api.housekeeping import Housekeeping
from ledger.api.logs import LogEnds, Logs
from ledger.api.people import People
from ledger.event_log.producer import Appender
from ledger.read_model import pool
from ledger.read_model.position_watch import PositionWatch
from ledger.read_model.reader import ViewReader
from ledger.settings import ApiSettings
from ledger.vault import secrets
from ledger.vault.directory import Directory
from ledger.vault.intake_keys import IntakeKeys

__all__ = ["Services"]

READ_CONNECTIONS: Final = 4
"""Two for decisions, the others for positions, keys, history: 2 to 4 a core is where Postgres is fastest."""
VAULT_CONNECTIONS: Final = 6
CLOSE_TIMEOUT_SECONDS: Final = 3.0


class Services:
    """One process's connections and caches. ``connections`` is the pool of the read model; it cannot write."""

    def __init__(
        self, settings: ApiSettings, vault_secrets: secrets.Secrets, connections: Any, vault: Any
    ) -> None:
        self.settings = settings
        self.connections = connections
        self._vault = vault
        self.authentication = Authentication(connections)
        self.people = People(Directory(vault, vault_secrets))
        self.intake_keys = IntakeKeys(vault, vault_secrets.intake_mac_key)
        self.reader = ViewReader(connections)
        self.watch = PositionWatch(connections)
        self.catalogues = Catalogues(connections)
        self.logs = Logs(connections)
        self.ends = LogEnds(settings.kafka_bootstrap)
        self.writer = LogWriter(
            Appender(settings.kafka_bootstrap, client_id="ledger-api"), settings.kafka_bootstrap, self.ends
        )
        self.effects = Effects(self.reader, self.watch, self.catalogues)
        self._housekeeping = Housekeeping(self.intake_keys)

    @classmethod
    async def open(cls, settings: ApiSettings) -> Self:
        """The services, connected to Postgres and with secrets that this database knows.

        Kafka need not be there: it is connected to when the first act comes. Raises ``Unavailable`` when Postgres is
        away, ``ConfigurationError`` for a secret that is missing, unsafe or another database's.
        """
        vault_secrets = secrets.load(
            settings.pepper_file, settings.sealing_key_file, settings.key_encryption_key_file
        )
        async with contextlib.AsyncExitStack() as opened:
            vault = await pool.create_pool(
                settings.vault_dsn,
                application_name="ledger-api-vault",
                size=VAULT_CONNECTIONS,
                stateless=True,
            )
            opened.callback(vault.terminate)
            connections = await pool.create_read_pool(
                settings.postgres_dsn,
                application_name="ledger-api",
                schema="read_model",
                size=READ_CONNECTIONS,
            )
            opened.callback(connections.terminate)
            await _verify(settings, vault_secrets)
            opened.pop_all()
            services = cls(settings, vault_secrets, connections, vault)
            services._housekeeping.start()
            return services

    async def aclose(self) -> None:
        """Waits a few seconds for acknowledgements that are under way, then lets everything go."""
        await self.writer.aclose()
        for part in (self._housekeeping, self.watch, self.reader, self.people):
            await part.aclose()
        for connections in (self.connections, self._vault):
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await connections.close()
            except TimeoutError:
                connections.terminate()


async def _verify(settings: ApiSettings, vault_secrets: secrets.Secrets) -> None:
    """Returns when this database was made with these secrets; the first process of all makes them known."""
    connection = await pool.connect(settings.postgres_dsn, application_name="ledger-api-secrets")
    try:
        await secrets.verify_fingerprints(connection, vault_secrets)
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)
