"""The parts of the ledger that the API's handlers use, opened together and closed together."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, Self

from ledger.api.appending import LogWriter
from ledger.api.authentication import Authentication
from ledger.api.catalogues import Catalogues
from ledger.api.effects import Effects
from ledger.api.housekeeping import Housekeeping
from ledger.api.logs import LogEnds, Logs
from ledger.api.people import People
from ledger.api.vault_gate import VaultGate
from ledger.domain.events import SubjectEvent
from ledger.erasure.requests import Requests
from ledger.event_log.producer import Appended, Appender
from ledger.read_model import pool, producer_wait
from ledger.read_model.position_watch import PositionWatch
from ledger.read_model.producer_wait import ProducerWait
from ledger.read_model.reader import ViewReader
from ledger.sealing import public_key_of
from ledger.settings import ApiSettings
from ledger.vault import secrets
from ledger.vault.carrying import Resolver
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory
from ledger.vault.followed_positions import FollowedPositions
from ledger.vault.intake_keys import IntakeKeys
from ledger.vault.late_noes import LateNoes
from ledger.vault.linking import Linking
from ledger.vault.suppressions import Suppressions

__all__ = ["Services"]

READ_CONNECTIONS: Final = 4
"""Two for decisions, the others for positions, keys, history: 2 to 4 a core is where Postgres is fastest."""
VAULT_CONNECTIONS: Final = 6
CLOSE_TIMEOUT_SECONDS: Final = 3.0


class Services:
    """One process's connections and caches. ``connections`` is the pool of the read model; it cannot write."""

    def __init__(
        self,
        settings: ApiSettings,
        vault_secrets: secrets.Secrets,
        connections: Any,
        vault: Any,
        followed: FollowedPositions,
    ) -> None:
        self.settings = settings
        self.connections = connections
        self._vault = vault
        self.authentication = Authentication(connections)
        self.requests = Requests(vault, vault_secrets)
        self.late_noes = LateNoes(vault)
        self.evidence_key = public_key_of(vault_secrets.sealing_key)
        self.intake_keys = IntakeKeys(vault, vault_secrets.intake_mac_key)
        self.reader = ViewReader(connections)
        self.watch = PositionWatch(connections)
        self.catalogues = Catalogues(connections)
        self.logs = Logs(connections)
        self.ends = LogEnds(settings.kafka_bootstrap)
        self.writer = LogWriter(
            Appender(
                settings.kafka_bootstrap, client_id="ledger-api", deadline_s=settings.append_deadline_seconds
            ),
            settings.kafka_bootstrap,
            self.ends,
        )
        self.effects = Effects(self.reader, self.watch, self.catalogues)
        self.directory = Directory(vault, vault_secrets)
        self.resolver = Resolver(
            vault, self.directory, Suppressions(vault, vault_secrets), self._append_to_live_lane
        )
        self.people = People(self.directory, self.resolver)
        self.linking = Linking(vault, vault_secrets, self.directory, self.resolver, self._append_to_live_lane)
        self.vault_gate = VaultGate(settings.kafka_bootstrap, vault, connections, followed)
        self._housekeeping = Housekeeping(self.intake_keys)

    @classmethod
    async def open(cls, settings: ApiSettings) -> Self:
        """The services, connected to Postgres and with secrets that this database knows.

        Kafka need not be there yet; until the vault has followed the log, ``vault_gate`` is closed. Raises ``Unavailable`` when Postgres is
        away, ``ConfigurationError`` for a secret that is missing, unsafe or another database's.
        """
        vault_secrets = secrets.load(*settings.secret_files)
        followed = FollowedPositions()
        async with contextlib.AsyncExitStack() as opened:
            vault = await pool.create_pool(
                settings.vault_dsn,
                application_name="ledger-api-vault",
                size=VAULT_CONNECTIONS,
                stateless=True,
                # A pool that reconnects may find itself at an older copy.
                on_connect=followed.look,
            )
            opened.callback(vault.terminate)
            connections = await pool.create_read_pool(
                settings.postgres_dsn,
                application_name="ledger-api",
                schema="read_model",
                size=READ_CONNECTIONS,
            )
            opened.callback(connections.terminate)
            await _introduce(settings, vault_secrets)
            opened.pop_all()
            services = cls(settings, vault_secrets, connections, vault, followed)
            services._housekeeping.start()
            services.vault_gate.start()
            return services

    async def _append_to_live_lane(
        self, controller: Controller, subject_id: bytes, events: Sequence[SubjectEvent]
    ) -> list[Appended]:
        log = await self.logs.of_controller(controller)
        return await self.writer.append_as_they_are(log, subject_id, events)

    async def aclose(self) -> None:
        """Waits a few seconds for acknowledgements that are under way, then lets everything go."""
        await self.writer.aclose()
        for part in (self.vault_gate, self._housekeeping, self.watch, self.reader, self.people):
            await part.aclose()
        for connections in (self.connections, self._vault):
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await connections.close()
            except TimeoutError:
                connections.terminate()


async def _introduce(settings: ApiSettings, vault_secrets: secrets.Secrets) -> None:
    """Returns when this database was made with these secrets; the first process of all makes them known.

    And when erasures wait as long as this process, and the producers that it tells, may rely on an id: before it
    gives out the first.
    """
    connection = await pool.connect(settings.postgres_dsn, application_name="ledger-api-start")
    try:
        await secrets.verify_fingerprints(connection, vault_secrets)
        with pool.translated():
            await producer_wait.register(
                connection, ProducerWait(settings.subject_cache_seconds, settings.append_deadline_seconds)
            )
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)
