"""``ledger restore``: a backup into an empty database, and its logs where they are gone."""

import asyncio
from pathlib import Path

import click

from ledger import settings
from ledger.backup.restoring import RestoreReport, restore
from ledger.cli.output import emit, json_option, progress
from ledger.cli.record_bar import told_once
from ledger.cli.topic_changes import making_topics
from ledger.vault import secrets

__all__ = ["command"]


@click.command("restore")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Read the backup and look at the target; change nothing.")
@json_option
def command(folder: Path, dry_run: bool, as_json: bool) -> None:
    """Restore the backup in FOLDER into an empty database that `ledger migrate` has made ready.

    The secrets' files must be those of the backup. A log that stands on the brokers is left as it is, and is ahead
    of the backup; a log that is gone is imported. Start API and workers afterwards: the vault answers once it has
    followed the log to its end, and the read model is folded anew.

    \b
    Example: ledger restore /backup/ledger --dry-run
    """
    operator = settings.load(settings.OperatorSettings)
    bootstrap = settings.require(operator, "kafka_bootstrap")
    dsn, vault_dsn = settings.require(operator, "postgres_dsn"), settings.require(operator, "vault_dsn")
    fingerprints = secrets.load(*settings.secret_files(operator)).fingerprints()
    if dry_run:
        progress("Only looking: nothing is written")

    async def run() -> RestoreReport:
        async with making_topics(dsn) as lock:
            return await restore(
                lock,
                bootstrap,
                dsn,
                vault_dsn,
                folder,
                secrets=fingerprints,
                dry_run=dry_run,
                advance=told_once("Imported"),
            )

    report = asyncio.run(run())
    emit(report, as_json=as_json, text=_text(report))


def _text(report: RestoreReport) -> str:
    did = "would fill" if report.dry_run else "found filled" if report.already_filled else "filled"
    lines = [f"{did} {schema}: {rows:,} rows" for schema, rows in report.rows.items()]
    for log in report.logs:
        if log.already_complete:
            lines.append(f"log of {log.controller}: stands on the brokers, left as it is")
        elif report.dry_run:
            lines.append(f"log of {log.controller}: would import {log.records - log.present:,} records")
        else:
            lines.append(f"log of {log.controller}: imported {log.copied:,} records, compared all")
    lines.append(f"backup of {report.taken_at}")
    return "\n".join(lines)
