"""The migration runner: numbered plain SQL, one transaction per file, forward only.

A file is called ``NNNN_<schema>[_<words>].sql``; it names its tables without a schema and is run with that schema
as its search_path. A session lock lets one runner in at a time. What was applied is remembered with its SHA-256 in
``<home schema>.migration``, where home is ``control`` for the read model's folder and ``vault`` for the vault's,
which may lie in a database of its own. A file that changed after it was applied is refused, and so is a database
that a newer version has migrated.
"""

import hashlib
import re
from typing import Any, Final, NamedTuple

from ledger.errors import ConfigurationError
from ledger.read_model import pool, sql

__all__ = ["Applied", "Migration", "create_read_model", "migrate", "migrations"]

READ_MODEL_MIGRATIONS: Final = "ledger.read_model.migrations"
VAULT_MIGRATIONS: Final = "ledger.vault.migrations"
# Any constant will do, as long as every version of the ledger uses the same: the bytes of "ledger".
RUNNER_LOCK_KEY: Final = 0x6C_65_64_67_65_72
# A migration waits this long for a table that is in use; longer, and everybody queues up behind it.
LOCK_TIMEOUT_MS: Final = 10_000
STATEMENT_TIMEOUT_MS: Final = 300_000

_FILE_NAME: Final = re.compile(r"(?P<number>[0-9]{4})_(?P<schema>control|read_model|vault|suppression)(_[a-z0-9_]+)?")


class Migration(NamedTuple):
    number: int
    name: str
    schema: str
    text: str

    @property
    def checksum(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


class Applied(NamedTuple):
    """One file that this run applied, or that an earlier run had (``fresh`` tells them apart)."""

    home: str
    name: str
    fresh: bool


async def migrate(
    dsn: str, vault_dsn: str | None = None, *, target: int | None = None
) -> tuple[Applied, ...]:
    """Brings control, read model and vault up to the newest file, or to file number ``target``; durable on return.

    Raises ``ConfigurationError`` (``migration_changed``, ``migration_unknown``) before it touches anything of that
    folder, ``Unavailable`` when Postgres is down or a lock is not had within 10 s; files already applied stay so,
    and the next run goes on from there.
    """
    main = await _apply_folder(dsn, "control", READ_MODEL_MIGRATIONS, target)
    vault = await _apply_folder(vault_dsn or dsn, "vault", VAULT_MIGRATIONS, target)
    return main + vault


async def create_read_model(connection: Any, schema: str) -> None:
    """Creates the read model's tables in the new, empty ``schema``, for a replay; search_path is left as it was.

    The caller drops the schema. Runs in a transaction, joined to the caller's if there is one.
    """
    with pool.translated():
        async with connection.transaction():
            before = await connection.fetchval(sql.load("search_path_get"))
            await connection.execute(sql.load("schema_create").format(schema=_quoted(schema)))
            await connection.fetchval(sql.load("search_path_set_local"), _quoted(schema))
            for migration in migrations(READ_MODEL_MIGRATIONS):
                if migration.schema == "read_model":
                    await connection.execute(migration.text)
            await connection.fetchval(sql.load("search_path_set_local"), before)


def migrations(package: str) -> tuple[Migration, ...]:
    """The files of one folder in the order in which they run; their numbers must be 1, 2, 3 and so on."""
    found: list[Migration] = []
    for name, text in sql.scripts(package):
        match = _FILE_NAME.fullmatch(name)
        if match is None or int(match["number"]) != len(found) + 1:
            raise ConfigurationError(
                "migration_misnamed", f"{name}.sql is not the next migration of its folder."
            )
        found.append(Migration(len(found) + 1, name, match["schema"], text))
    return tuple(found)


async def _apply_folder(dsn: str, home: str, package: str, target: int | None) -> tuple[Applied, ...]:
    connection = await pool.connect(
        dsn,
        application_name="ledger-migrate",
        lock_timeout_ms=LOCK_TIMEOUT_MS,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    )
    try:
        with pool.translated():
            # Held by the session, so a killed runner frees it at once; closing the connection frees it as well.
            await connection.execute(sql.load("migration_lock"), RUNNER_LOCK_KEY)
            await connection.execute(sql.load("migration_table").format(home=home))
            return await _apply_missing(connection, home, migrations(package), target)
    finally:
        await connection.close(timeout=pool.CONNECT_TIMEOUT_SECONDS)


async def _apply_missing(
    connection: Any, home: str, known: tuple[Migration, ...], target: int | None
) -> tuple[Applied, ...]:
    done = await _checked_history(connection, home, known)
    result = []
    for migration in known:
        if target is not None and migration.number > target:
            break
        if migration.name not in done:
            async with connection.transaction():
                await connection.execute(sql.load("schema_create_if_missing").format(schema=migration.schema))
                await connection.fetchval(sql.load("search_path_set_local"), migration.schema)
                await connection.execute(migration.text)
                await connection.execute(
                    sql.load("migration_record").format(home=home), migration.name, migration.checksum
                )
        result.append(Applied(home, migration.name, fresh=migration.name not in done))
    return tuple(result)


async def _checked_history(connection: Any, home: str, known: tuple[Migration, ...]) -> set[str]:
    by_name = {migration.name: migration for migration in known}
    done = set()
    for row in await connection.fetch(sql.load("migration_list").format(home=home)):
        migration = by_name.get(row["name"])
        if migration is None:
            raise ConfigurationError("migration_unknown", f"The database has the migration {row['name']}.")
        if migration.checksum != row["checksum"]:
            raise ConfigurationError(
                "migration_changed", f"{row['name']}.sql is not the text that was applied."
            )
        done.add(migration.name)
    return done


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
