"""Tables to files and back, by Postgres' own COPY in text form: no foreign program, one snapshot, a digest for each.

Three sets, each a folder of its own, because they are kept for different times (races.md, D38): ``control`` (who the
controllers are, keys by their hashes), ``vault`` (who is who: kept short) and ``suppression`` (what outlives an
erasure: kept long). Identifiers and keys in them are sealed; still, whoever has the vault's dump and the secrets has
everybody's address.
"""

import hashlib
from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.errors import ConfigurationError, IntegrityViolation
from ledger.event_log.archive_disk import CountedFile, file_side, sync_folder, write_whole, writing
from ledger.event_log.schemas import canonical_json
from ledger.read_model import pool, sql

__all__ = [
    "SETS",
    "DumpedSet",
    "DumpedTable",
    "dump_set",
    "load_set",
    "read_set",
    "rows_in",
    "same_rows",
    "set_digest",
]

QUERIES: Final = "ledger.backup.queries"
SETS: Final = ("control", "vault", "suppression")
"""Each is a schema. The last two lie in the vault's database, and its list of migrations in the schema ``vault``."""

SET_FILE: Final = "tables.json"
_HOME: Final = {"control": "control", "vault": "vault", "suppression": "vault"}


class DumpedTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table: its columns in the order of the file, and what the file must amount to."""

    name: str
    columns: tuple[str, ...]
    rows: int
    size: int
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}.copy"


class DumpedSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of tables, in an order in which they can be filled, and the migrations that made them."""

    schema: str
    taken_at: str
    migrations: dict[str, str]
    tables: tuple[DumpedTable, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


async def dump_set(connection: Any, schema: str, folder: Path, taken_at: str) -> DumpedSet:
    """Writes the tables of ``schema`` into the new ``folder``; durable on return.

    ``connection`` is in a transaction of one snapshot, shared with whatever else must fit.
    """
    with writing(folder):
        folder.mkdir(mode=0o700)
    tables = []
    with pool.translated():
        for name, columns in await _tables(connection, schema):
            tables.append(await _dump_table(connection, schema, name, columns, folder))
        migrations = await _migrations(connection, schema)
    dumped = DumpedSet(schema=schema, taken_at=taken_at, migrations=migrations, tables=tuple(tables))
    write_whole(folder / SET_FILE, _text(dumped))
    with writing(folder):
        sync_folder(folder)
    return dumped


def set_digest(dumped: DumpedSet) -> str:
    """SHA-256 of the set's list of tables, which has the digest of each."""
    return hashlib.sha256(_text(dumped)).hexdigest()


def read_set(folder: Path, digest: str) -> DumpedSet:
    """The set in ``folder``, every file of it read and found to be as it was written.

    Raises ``IntegrityViolation(backup_damaged)`` naming the file.
    """
    path = folder / SET_FILE
    if not path.is_file():
        raise _damaged(folder, f"{SET_FILE} is missing")
    text = path.read_bytes()
    if hashlib.sha256(text).hexdigest() != digest:
        raise _damaged(folder, f"{SET_FILE} is not the one that was written")
    try:
        dumped = msgspec.json.decode(text, type=DumpedSet)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(folder, f"{SET_FILE} is no list of tables") from error
    for table in dumped.tables:
        file = folder / table.file
        if not file.is_file():
            raise _damaged(folder, f"{table.file} is missing")
        side = file_side(file)
        if (side.size, side.sha256) != (table.size, table.sha256):
            raise _damaged(folder, f"{table.file} is not as it was written")
    return dumped


async def load_set(connection: Any, dumped: DumpedSet, folder: Path) -> None:
    """Fills the empty tables of a set. ``connection`` is in a transaction.

    Raises ``ConfigurationError(backup_other_version)`` when the database was not made by the same migrations,
    ``IntegrityViolation(backup_damaged)`` when a file held other rows than its list says.
    """
    with pool.translated():
        if await _migrations(connection, dumped.schema) != dumped.migrations:
            raise ConfigurationError(
                "backup_other_version", f"The tables of {dumped.schema} were made by other migrations."
            )
        for table in dumped.tables:
            status = await connection.copy_to_table(
                table.name,
                schema_name=dumped.schema,
                source=folder / table.file,
                columns=table.columns,
                format="text",
            )
            if _rows(status) != table.rows:
                raise _damaged(folder, f"{table.file} holds {_rows(status)} rows, not {table.rows}")


async def rows_in(connection: Any, schemas: Sequence[str]) -> list[str]:
    """The tables of ``schemas`` that are not empty, as ``schema.table``."""
    found = []
    with pool.translated():
        for schema in schemas:
            for name, _ in await _tables(connection, schema):
                statement = sql.load("table_has_rows", QUERIES).format(table=f'"{schema}"."{name}"')
                if await connection.fetchval(statement):
                    found.append(f"{schema}.{name}")
    return found


async def same_rows(connection: Any, dumped: DumpedSet, leaving_out: Iterable[str]) -> bool:
    """Whether the tables hold what the set does, row by row in the order they were filled."""
    with pool.translated():
        for table in dumped.tables:
            if table.name in leaving_out:
                continue
            counted = _Discarded()
            await connection.copy_from_table(
                table.name,
                schema_name=dumped.schema,
                columns=table.columns,
                output=counted.write,
                format="text",
            )
            if counted.digest.hexdigest() != table.sha256:
                return False
    return True


class _Discarded:
    """Where rows go of which only the digest is wanted."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    async def write(self, data: bytes) -> None:
        self.digest.update(data)


async def _dump_table(
    connection: Any, schema: str, name: str, columns: Sequence[str], folder: Path
) -> DumpedTable:
    with writing(folder):
        out = CountedFile(folder / f"{name}.copy")

    async def write(data: bytes) -> None:
        with writing(folder):
            out.write(data)

    try:
        status = await connection.copy_from_table(
            name, schema_name=schema, columns=columns, output=write, format="text"
        )
        with writing(folder):
            side = out.finish()
    finally:
        out.close()
    return DumpedTable(
        name=name, columns=tuple(columns), rows=_rows(status), size=side.size, sha256=side.sha256
    )


async def _tables(connection: Any, schema: str) -> list[tuple[str, list[str]]]:
    """Tables with their columns, those that others refer to first."""
    rows = await connection.fetch(sql.load("backup_tables", QUERIES), [schema])
    columns = {f"{row['schema']}.{row['name']}": (row["name"], row["columns"]) for row in rows}
    order = TopologicalSorter({f"{row['schema']}.{row['name']}": row["refers_to"] for row in rows})
    return [columns[table] for table in order.static_order() if table in columns]


async def _migrations(connection: Any, schema: str) -> dict[str, str]:
    rows = await connection.fetch(sql.load("migration_list").format(home=_HOME[schema]))
    return {row["name"]: row["checksum"].hex() for row in rows}


def _rows(status: str) -> int:
    return int(status.rpartition(" ")[2])


def _text(dumped: DumpedSet) -> bytes:
    return canonical_json(msgspec.to_builtins(dumped)).encode()


def _damaged(folder: Path, what: str) -> IntegrityViolation:
    return IntegrityViolation("backup_damaged", f"{folder.name}: {what}.")
