"""Takes a backup of the whole ledger beside the running system.

In this order, and for this reason: **the vault first, the logs after it.** A log that has more than the vault is
what a vault must find after every restore: it follows the log from its own positions and learns of the blocks and
erasures that came later (races.md, D32). A vault that had more than the log would know of erasures that the log does
not have, and would wait for records that never come.

Lost with everything since the last backup: the addresses of people who came since (their acts stand on the log under
subject ids that nobody can find again). Who cannot afford that replicates the vault's database besides.
"""

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.backup.dump import SETS, DumpedSet, dump_set, set_digest
from ledger.backup.form import LOGS, Backup, BackupLog, BackupSet, read_backup, write_backup
from ledger.errors import Conflict, Rejected
from ledger.event_log.archive_disk import holding, writing
from ledger.event_log.archive_export import export_log
from ledger.event_log.archive_report import ExportReport
from ledger.read_model import pool, sql

__all__ = ["Advance", "BackupReport", "back_up"]

APPLICATION_NAME: Final = "ledger-backup"
DISTRIBUTION: Final = "consent-ledger"
QUERIES: Final = "ledger.backup.queries"
READY: Final = "ready"

Advance = Callable[[str, int, int], None]
"""Called with (controller, records exported, records to export)."""


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. ``logs`` with findings lack records, and the backup is as good as that."""

    taken_at: str
    sets: tuple[BackupSet, ...]
    logs: tuple[ExportReport, ...]
    secrets: dict[str, str]

    @property
    def is_whole(self) -> bool:
        return all(log.complete for log in self.logs)


async def back_up(
    bootstrap: str,
    dsn: str,
    vault_dsn: str,
    folder: Path,
    *,
    taken_at: str,
    advance: Advance | None = None,
) -> BackupReport:
    """Brings the backup in ``folder`` up to now: new dumps, and what the logs have more. Durable on return.

    ``taken_at`` (RFC 3339) names the dumps' folders. Killed at any point, the backup before it still counts. Raises
    ``Conflict`` (``backup_foreign`` for a folder of something else, ``archive_in_use``), ``Unavailable``, and what
    :func:`ledger.event_log.archive_export.export_log` raises.
    """
    with holding(folder):
        _require_ours(folder)
        dumped, secrets, controllers = await _dump(dsn, vault_dsn, folder, taken_at)
        reports = []
        for controller in controllers:
            reports.append(
                await export_log(
                    bootstrap,
                    controller,
                    folder / LOGS / controller,
                    created_at=taken_at,
                    advance=None if advance is None else _of(controller, advance),
                )
            )
        backup = Backup(
            ledger_version=version(DISTRIBUTION),
            taken_at=taken_at,
            secrets=secrets,
            sets=dumped,
            logs=tuple(_log(report) for report in reports),
        )
        write_backup(folder, backup)
        _remove_older(folder, backup)
    return BackupReport(taken_at=taken_at, sets=dumped, logs=tuple(reports), secrets=secrets)


async def _dump(
    dsn: str, vault_dsn: str, folder: Path, taken_at: str
) -> tuple[tuple[BackupSet, ...], dict[str, str], list[str]]:
    """All sets; those of one database in one snapshot, the vault's no later than the control tables."""
    mark = taken_at.replace(":", "").replace("-", "").replace("+0000", "Z")
    found: dict[str, BackupSet] = {}
    async with contextlib.AsyncExitStack() as stack:
        vault = await stack.enter_async_context(_snapshot(vault_dsn))
        control = vault if dsn == vault_dsn else await stack.enter_async_context(_snapshot(dsn))
        for schema in ("vault", "suppression", "control"):
            name = f"{schema}-{mark}"
            connection = control if schema == "control" else vault
            _remove(folder / name)
            dumped = await dump_set(connection, schema, folder / name, taken_at)
            found[schema] = _set(name, dumped)
        with pool.translated():
            fingerprints = await control.fetch(sql.load("backup_fingerprints", QUERIES))
            controllers = await control.fetch(sql.load("controller_list"))
    secrets = {row["name"]: row["fingerprint"].hex() for row in fingerprints}
    ready = [row["name"] for row in controllers if row["state"] == READY]
    return tuple(found[schema] for schema in SETS), secrets, ready


@contextlib.asynccontextmanager
async def _snapshot(dsn: str) -> AsyncIterator[Any]:
    """A connection that sees the database as it is now, and changes nothing."""
    connection = await pool.connect(dsn, application_name=APPLICATION_NAME, statement_timeout_ms=0)
    try:
        with pool.translated():
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                # A snapshot is taken by the first statement, not by the beginning.
                await connection.fetchval(sql.load("search_path_get"))
                yield connection
    finally:
        await connection.close(timeout=pool.CONNECT_TIMEOUT_SECONDS)


def _require_ours(folder: Path) -> None:
    """An empty folder, a backup, or what a killed first backup has left."""
    try:
        read_backup(folder)
    except Rejected as missing:
        names = [entry.name for entry in folder.iterdir()]
        known = (LOGS, *(f"{schema}-" for schema in SETS), "backup.json")
        if not all(name.startswith(known) for name in names):
            raise Conflict("backup_foreign", f"{folder.name} holds other files and no backup.") from missing


def _remove_older(folder: Path, backup: Backup) -> None:
    """The dumps of earlier backups: a directory that was erased from must not be kept in an old one for ever."""
    kept = {dumped.folder for dumped in backup.sets}
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in kept and entry.name.startswith(tuple(f"{name}-" for name in SETS)):
            _remove(entry)


def _remove(folder: Path) -> None:
    with writing(folder):
        if folder.exists():
            shutil.rmtree(folder)


def _set(name: str, dumped: DumpedSet) -> BackupSet:
    return BackupSet(schema=dumped.schema, folder=name, rows=dumped.rows, digest=set_digest(dumped))


def _log(report: ExportReport) -> BackupLog:
    return BackupLog(
        controller=report.controller,
        log_id=report.log_id,
        generation=report.generation,
        records=report.records,
        complete=report.complete,
    )


def _of(controller: str, advance: Advance) -> Callable[[int, int], None]:
    return lambda done, total: advance(controller, done, total)
