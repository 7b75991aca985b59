"""Restores a backup into an empty, migrated database, and each log onto the brokers where it is gone.

The life of a restore: every file of the dumps is read and found whole; the secrets at hand must have the backup's
fingerprints; the database must be empty, or hold this very backup from a restore that was killed; the tables are
filled in one transaction; a log that stands on the brokers and reaches at least as far as the export is left as it
is, any other is imported. The read model is folded anew by the workers.

The vault comes back as it was, with the positions that it had: whoever uses it follows the log first, to the ends
found at start, and answers nothing before (races.md, D32).
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.backup.dump import SETS, DumpedSet, load_set, read_set, rows_in, same_rows
from ledger.backup.form import LOGS, Backup, BackupLog, read_backup
from ledger.backup.log_import import ImportReport, import_log
from ledger.errors import ConfigurationError, Conflict, IntegrityViolation
from ledger.event_log.archive_form import read_manifest
from ledger.read_model import pool, sql

__all__ = ["Advance", "RestoreReport", "restore"]

APPLICATION_NAME: Final = "ledger-restore"
QUERIES: Final = "ledger.backup.queries"
_CHANGED_BY_IMPORT: Final = frozenset({"log", "log_copy"})
"""Control tables in which a restore that goes on after a kill finds its own work."""
_MADE_KNOWN: Final = "control.secret"
"""The fingerprints of a process that was started too early; they are compared, and replaced by the backup's."""

Advance = Callable[[str, int, int], None]
"""Called with (controller, records done, records in all)."""


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did, or would do (``dry_run``)."""

    taken_at: str
    rows: dict[str, int]
    logs: tuple[ImportReport, ...]
    already_filled: bool
    dry_run: bool


async def restore(
    lock: Any,
    bootstrap: str,
    dsn: str,
    vault_dsn: str,
    folder: Path,
    *,
    secrets: dict[str, bytes],
    dry_run: bool = False,
    advance: Advance | None = None,
) -> RestoreReport:
    """Makes the ledger that the backup in ``folder`` is of; durable on return, repeatable after a kill.

    ``lock`` is a connection of the control database that holds the lock on making topics; ``secrets`` are the
    fingerprints of the files at hand. Raises ``Rejected(backup_missing)``, ``IntegrityViolation(backup_damaged)``,
    ``ConfigurationError`` (``secret_mismatch``, ``backup_other_version``), ``Conflict(restore_target_in_use)``, and
    what :func:`ledger.backup.log_import.import_log` raises.
    """
    backup = read_backup(folder)
    dumps = {each.schema: read_set(folder / each.folder, each.digest) for each in backup.sets}
    _require_secrets(backup, secrets)
    places = {each.schema: folder / each.folder for each in backup.sets}
    for log in backup.logs:
        _require_log(folder / LOGS / log.controller, log)
    async with contextlib.AsyncExitStack() as stack:
        connections = await _connections(stack, dsn, vault_dsn)
        missing = await _to_fill(connections, dumps)
        if missing and not dry_run:
            await _fill(connections, dumps, places, missing)
    imported = []
    for log in backup.logs:
        imported.append(
            await import_log(
                lock,
                bootstrap,
                folder / LOGS / log.controller,
                restoring=True,
                dry_run=dry_run,
                advance=None if advance is None else _of(log.controller, advance),
            )
        )
    return RestoreReport(
        taken_at=backup.taken_at,
        rows={schema: dumped.rows for schema, dumped in dumps.items()},
        logs=tuple(imported),
        already_filled=not missing,
        dry_run=dry_run,
    )


def _require_secrets(backup: Backup, at_hand: dict[str, bytes]) -> None:
    for name, fingerprint in sorted(backup.secrets.items()):
        found = at_hand.get(name)
        if found is None or found.hex() != fingerprint:
            raise ConfigurationError(
                "secret_mismatch",
                f"The {name.replace('_', ' ')} at hand is not the one that this backup was made with.",
                secret=name,
            )


async def _connections(stack: contextlib.AsyncExitStack, dsn: str, vault_dsn: str) -> dict[str, Any]:
    """A connection for each set; one and the same where both lie in one database."""
    opened: dict[str, Any] = {}
    for address in {dsn, vault_dsn}:
        connection = await pool.connect(address, application_name=APPLICATION_NAME, statement_timeout_ms=0)
        stack.push_async_callback(connection.close, timeout=pool.CONNECT_TIMEOUT_SECONDS)
        opened[address] = connection
    return {schema: opened[dsn if schema == "control" else vault_dsn] for schema in SETS}


async def _to_fill(connections: dict[str, Any], dumps: dict[str, DumpedSet]) -> list[str]:
    """The sets that have to be filled: a killed restore may have come as far as one of two databases.

    Raises ``Conflict`` when a table holds anything but the rows of this very backup.
    """
    missing = []
    for schema in SETS:
        rows = await rows_in(connections[schema], [schema])
        left_out = _CHANGED_BY_IMPORT if schema == "control" else ()
        if rows and await same_rows(connections[schema], dumps[schema], left_out):
            continue
        if set(rows) - {_MADE_KNOWN}:
            raise _in_use(rows)
        missing.append(schema)
    with pool.translated():
        is_folded = await connections["control"].fetchval(sql.load("restore_in_use", QUERIES))
    if is_folded and "control" in missing:
        raise _in_use(["read_model.position"])
    return missing


async def _fill(
    connections: dict[str, Any], dumps: dict[str, DumpedSet], places: dict[str, Path], missing: list[str]
) -> None:
    """One transaction for each database."""
    async with contextlib.AsyncExitStack() as stack:
        for connection in {id(each): each for each in connections.values()}.values():
            await stack.enter_async_context(connection.transaction())
        for schema in missing:
            if schema == "control":
                with pool.translated():
                    await connections[schema].execute(sql.load("restore_forget_secrets", QUERIES))
            await load_set(connections[schema], dumps[schema], places[schema])
        with pool.translated():
            for connection in {id(each): each for each in connections.values()}.values():
                await connection.execute(sql.load("restore_sequences", QUERIES))


def _in_use(tables: list[str]) -> Conflict:
    return Conflict("restore_target_in_use", f"The database is not empty: there are rows in {', '.join(tables)}.")


def _require_log(folder: Path, log: BackupLog) -> None:
    """The export beside is of this log and holds at least what the backup says; it may have grown since."""
    manifest = read_manifest(folder)
    if (manifest.controller, manifest.log_id, manifest.generation) != (
        log.controller,
        log.log_id,
        log.generation,
    ) or manifest.records < log.records:
        raise IntegrityViolation(
            "backup_damaged", f"The export of {log.controller} is not the one that the backup was made with."
        )


def _of(controller: str, advance: Advance) -> Callable[[int, int], None]:
    return lambda done, total: advance(controller, done, total)
