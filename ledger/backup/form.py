"""The form of a backup: a folder with one export for each log, one dump for each set of tables, and what ties them.

::

    backup.json            which dumps, which logs up to which offsets; written last, so without it there is no backup
    logs/<controller>/     as `ledger log export` writes it; grows from backup to backup
    vault-<time>/          who is who; that of the last backup only
    suppression-<time>/    what outlives an erasure; keep a copy of it as long as suppressions hold
    control-<time>/        controllers, logs, API keys by their hashes, fingerprints of the secrets

The secrets are not in it, and neither is the read model, which is folded anew.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from ledger.errors import IntegrityViolation, Rejected
from ledger.event_log.archive_disk import write_whole
from ledger.event_log.schemas import canonical_json

__all__ = ["FORM", "LOGS", "Backup", "BackupLog", "BackupSet", "read_backup", "write_backup"]

FORM: Final = 1
BACKUP: Final = "backup.json"
LOGS: Final = "logs"


class BackupSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One dump. ``digest`` covers its list of tables, and with it every row."""

    schema: str
    folder: str
    rows: int
    digest: str


class BackupLog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One log, at least as far as which the export beside goes."""

    controller: str
    log_id: str
    generation: int
    records: int
    complete: bool


class Backup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole backup. ``secrets`` are fingerprints: without the files that have them the vault cannot be read."""

    form: int = FORM
    ledger_version: str
    taken_at: str
    secrets: dict[str, str]
    sets: tuple[BackupSet, ...]
    logs: tuple[BackupLog, ...]


class _Sealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in the file: the backup, and the digest of its canonical form."""

    backup: Backup
    sha256: str


def write_backup(folder: Path, backup: Backup) -> None:
    """Makes the backup count; durable on return."""
    sealed = _Sealed(backup=backup, sha256=_digest(backup))
    write_whole(folder / BACKUP, canonical_json(msgspec.to_builtins(sealed)).encode())


def read_backup(folder: Path) -> Backup:
    """The backup in ``folder``.

    Raises ``Rejected(backup_missing)``, ``IntegrityViolation(backup_damaged)``.
    """
    path = folder / BACKUP
    if not path.is_file():
        raise Rejected("backup_missing", f"{folder.name} holds no {BACKUP}: no backup, or one that was not finished.")
    try:
        sealed = msgspec.json.decode(path.read_bytes(), type=_Sealed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IntegrityViolation("backup_damaged", f"{BACKUP} cannot be read.") from error
    if sealed.sha256 != _digest(sealed.backup) or sealed.backup.form != FORM:
        raise IntegrityViolation("backup_damaged", f"{BACKUP} is not as it was written, or of another version.")
    return sealed.backup


def _digest(backup: Backup) -> str:
    return hashlib.sha256(canonical_json(msgspec.to_builtins(backup)).encode()).hexdigest()
