"""Connections to Postgres with our deadlines, and the translation of asyncpg's errors into the ledger's.

Every id of the ledger is 16 bytes and every uuid column takes and gives exactly those bytes: no ``uuid.UUID`` is
made on the way (one object per row and column is what the fold would pay for it).
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg

from ledger.errors import ConfigurationError, Unavailable

__all__ = ["StatelessConnection", "borrowed", "connect", "create_pool", "create_read_pool", "translated"]

CONNECT_TIMEOUT_SECONDS: Final = 10.0
# Short statements only: a batch of the fold takes about 100 ms, a lookup 1 ms.
STATEMENT_TIMEOUT_MS: Final = 30_000
LOCK_TIMEOUT_MS: Final = 5_000
# A process stopped between two statements of a transaction must not hold its row locks for long (races.md, D14).
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 30_000
# asyncpg's own deadline lies above the server's, so that the server's clearer error comes first.
COMMAND_TIMEOUT_SECONDS: Final = STATEMENT_TIMEOUT_MS / 1000 + 5
# How long a request waits for a connection before it is told that Postgres is busy.
ACQUIRE_TIMEOUT_SECONDS: Final = 5.0
# A peer that vanished without closing its socket frees its backend after about 30 s.
KEEPALIVE_SETTINGS: Final = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

# Every read goes by an index: a plan made while the tables were small would scan them for hours.
READ_SETTINGS: Final = {
    "default_transaction_read_only": "on",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
}

_DOWN: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutdown, terminated backend, cancelled by timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,  # deadlock, serialisation
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or a server set to read only for maintenance
    OSError,
    TimeoutError,
    EOFError,
)
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
)
_NOT_MIGRATED: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
)


class StatelessConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose return to the pool costs no round trip: for users that leave no session state behind."""

    def get_reset_query(self) -> str:
        return ""


async def connect(
    dsn: str,
    *,
    application_name: str,
    schema: str | None = None,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection of the caller's own, for a worker or a migration; ``schema`` becomes its search_path.

    Raises ``Unavailable(postgres_unavailable)`` when Postgres is not there, ``ConfigurationError`` when it says no.
    """
    with translated():
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=statement_timeout_ms / 1000 + 5 if statement_timeout_ms else None,
            server_settings=_server_settings(application_name, schema, lock_timeout_ms, statement_timeout_ms),
        )
        await _ids_as_bytes(connection)
        return connection


async def create_pool(
    dsn: str,
    *,
    application_name: str,
    schema: str | None = None,
    size: int = 4,
    stateless: bool = False,
    on_connect: Callable[[Any], Awaitable[None]] | None = None,
) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool of at most ``size`` connections for readers and writers; the caller closes it.

    ``stateless``: nobody leaves settings, locks or cursors behind, so connections are returned without a round trip.
    ``on_connect`` is awaited with each new connection before anybody gets it.
    """
    kind = StatelessConnection if stateless else asyncpg.Connection
    return await _pool(dsn, application_name, schema, size, kind, {}, on_connect)


async def create_read_pool(
    dsn: str, *, application_name: str, schema: str | None = None, size: int = 4
) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool whose connections cannot write and are returned without the reset round trip."""
    return await _pool(dsn, application_name, schema, size, StatelessConnection, READ_SETTINGS)


@asynccontextmanager
async def borrowed(connections: Any) -> AsyncIterator[Any]:
    """A connection of a pool for the length of the block, its errors translated; waits at most 5 s for one."""
    with translated():
        async with connections.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Turns every error of asyncpg and of the socket that means *Postgres is not there now* into ``Unavailable``.

    A refused login or a missing table becomes ``ConfigurationError``. A broken constraint or statement is a fault
    of this code base and passes as it is.
    """
    try:
        yield
    except _REFUSED as error:
        raise ConfigurationError("postgres_refused", cause=type(error).__name__) from error
    except _NOT_MIGRATED as error:
        raise ConfigurationError("not_migrated", cause=type(error).__name__) from error
    except _DOWN as error:
        raise Unavailable("postgres_unavailable", cause=type(error).__name__) from error
    except asyncpg.InterfaceError as error:
        # asyncpg has one class for "the connection is closed" and for its misuse; only the first is an outage.
        if "closed" not in str(error) and "closing" not in str(error):
            raise
        raise Unavailable("postgres_unavailable", cause=type(error).__name__) from error


async def _pool(
    dsn: str,
    application_name: str,
    schema: str | None,
    size: int,
    connection_class: type["asyncpg.Connection[asyncpg.Record]"],
    extra_settings: dict[str, str],
    on_connect: Callable[[Any], Awaitable[None]] | None = None,
) -> "asyncpg.Pool[asyncpg.Record]":
    settings = (
        _server_settings(application_name, schema, LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS) | extra_settings
    )

    async def begin(connection: Any) -> None:
        await _ids_as_bytes(connection)
        if on_connect is not None:
            await on_connect(connection)

    with translated():
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            connection_class=connection_class,
            init=begin,
            server_settings=settings,
        )


def _server_settings(
    application_name: str, schema: str | None, lock_timeout_ms: int, statement_timeout_ms: int
) -> dict[str, str]:
    settings = {
        "application_name": f"{application_name}@{socket.gethostname()}"[:63],
        "lock_timeout": str(lock_timeout_ms),
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
        "timezone": "UTC",
        **KEEPALIVE_SETTINGS,
    }
    return settings if schema is None else settings | {"search_path": f'"{schema}"'}


async def _ids_as_bytes(connection: Any) -> None:
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )
