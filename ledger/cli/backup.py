"""``ledger backup``: the logs, the vault, the suppressions and the control tables into one folder."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from ledger import settings
from ledger.backup.taking import BackupReport, back_up
from ledger.cli.output import emit, json_option
from ledger.cli.record_bar import told_once

__all__ = ["command"]


@click.command("backup")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def command(folder: Path, as_json: bool) -> int:
    """Bring the backup in FOLDER up to now, beside the running system; begin one if FOLDER is empty.

    The vault is dumped first and the logs after it, so that a restored vault finds what came later on the log. The
    secrets are not in it: back up their files by themselves. Exit code 4: a log lacks records; all else is there.

    \b
    Example: ledger backup /backup/ledger
    """
    operator = settings.load(settings.OperatorSettings)
    report = asyncio.run(
        back_up(
            settings.require(operator, "kafka_bootstrap"),
            settings.require(operator, "postgres_dsn"),
            settings.require(operator, "vault_dsn"),
            folder,
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            advance=told_once("Exported"),
        )
    )
    emit(report, as_json=as_json, text=_text(report))
    return 0 if report.is_whole else 4


def _text(report: BackupReport) -> str:
    lines = [f"{dumped.schema}: {dumped.rows:,} rows in {dumped.folder}" for dumped in report.sets]
    lines += [
        f"log of {log.controller}: {log.records:,} records, {log.size:,} bytes, "
        f"{'complete' if log.complete else 'NOT complete'}"
        for log in report.logs
    ]
    lines += [
        f"{finding.code}: {log.controller}, {finding.lane}, partition {finding.partition}, offset {finding.offset}"
        for log in report.logs
        for finding in log.findings
    ]
    lines += [f"needs the {name.replace('_', ' ')} {value[:16]}…" for name, value in report.secrets.items()]
    lines.append(f"backup of {report.taken_at}")
    return "\n".join(lines)
