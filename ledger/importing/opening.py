"""What an import works on, opened together and closed together: the controller's log, the vault, the secrets."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.erasure.following import Follower
from ledger.erasure.restoring import Restorer
from ledger.errors import NotFound, Unavailable
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.event_log.producer import Appender
from ledger.importing.people import People
from ledger.read_model import pool, producer_wait, sql
from ledger.read_model.producer_wait import ProducerWait
from ledger.vault import secrets
from ledger.vault.carrying import appending
from ledger.vault.controllers import Controller

__all__ = ["Place", "Services", "opened"]

READY: Final = "ready"
VAULT_CONNECTIONS: Final = 6
CLOSE_TIMEOUT_SECONDS: Final = 3.0


class Services(NamedTuple):
    """Where everything is, and how long this producer may rely on what it knows."""

    bootstrap: str
    dsn: str
    vault_dsn: str
    secret_files: Sequence[Path]
    cache_seconds: float
    append_seconds: float


class Place(NamedTuple):
    """One controller's log and people. ``mac_key`` makes event ids; a subject id may be relied on for
    ``cache_seconds``."""

    controller: Controller
    log: LogInfo
    people: People
    appender: Appender
    mac_key: bytes
    cache_seconds: float


@asynccontextmanager
async def opened(services: Services, controller: str) -> AsyncIterator[Place]:
    """The place for the length of the block. Erasures wait for this producer from before it resolves anybody.

    The vault knows by then every erasure that is on the log, whatever backup it came from (races.md, D32). Raises
    ``NotFound(controller_unknown)``, ``Unavailable`` (``log_not_ready``, ``log_unavailable``,
    ``postgres_unavailable``, ``vault_catching_up`` for a log that cannot be followed), ``ConfigurationError`` for a secret that is missing or another database's.
    """
    loaded = secrets.load(*services.secret_files)
    found = await _introduced(services, loaded, controller)
    log = await read_log_info(services.bootstrap, controller)
    if found["state"] != READY or (log.log_id, log.generation) != (found["log_id"], found["generation"]):
        raise Unavailable("log_not_ready", "The log is not complete, or another than the control tables name.")
    vault = await pool.create_pool(
        services.vault_dsn, application_name="ledger-import", size=VAULT_CONNECTIONS, stateless=True
    )
    try:
        await _follow(services, vault, Controller(found["id"], controller))
        async with Appender(
            services.bootstrap, client_id="ledger-import", deadline_s=services.append_seconds
        ) as appender:
            place = Controller(found["id"], controller)
            people = People(place, vault, loaded, appending(appender, log.partitions))
            yield Place(place, log, people, appender, loaded.intake_mac_key, services.cache_seconds)
    finally:
        # Terminated and not closed: an import that is broken off does not wait for a statement of its own.
        vault.terminate()


async def _follow(services: Services, vault: Any, controller: Controller) -> None:
    """Returns when the vault has followed the log to the end it has now."""
    connections = await pool.create_read_pool(services.dsn, application_name="ledger-import", size=1)
    try:
        async with Follower(
            services.bootstrap, vault, connections, Restorer(vault), only=controller.name
        ) as follower:
            await follower.catch_up()
            if controller.id in follower.broken:
                raise Unavailable("vault_catching_up", cause=follower.broken[controller.id])
    finally:
        connections.terminate()


async def _introduced(services: Services, loaded: secrets.Secrets, controller: str) -> Any:
    """The controller's row, once the database knows these secrets and how long this producer may take."""
    connection = await pool.connect(services.dsn, application_name="ledger-import-start")
    try:
        await secrets.verify_fingerprints(connection, loaded)
        with pool.translated():
            rows = await connection.fetch(sql.load("controller_list"))
            found = next((row for row in rows if row["name"] == controller), None)
            if found is None:
                raise NotFound("controller_unknown")
            await producer_wait.register(connection, ProducerWait(services.cache_seconds, services.append_seconds))
            return found
    finally:
        await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)
