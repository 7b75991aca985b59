"""``ledger log export|verify|import``: the log as files, proven by themselves, and back onto other topics."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from ledger import settings
from ledger.audit.archive_check import ArchiveCheck, check_archive
from ledger.audit.archive_comparison import compare_with_read_model
from ledger.backup.log_import import Advance, ImportReport, import_log
from ledger.cli.audit import report_document, report_text
from ledger.cli.output import emit, json_option, progress
from ledger.cli.record_bar import record_bar
from ledger.cli.topic_changes import making_topics
from ledger.event_log.archive_export import export_log
from ledger.event_log.archive_report import ExportReport

__all__ = ["command", "run_import"]

_FOLDER = click.Path(path_type=Path)


@click.group("log")
def command() -> None:
    """Export a controller's log to files, verify them, and import them elsewhere: the log is its own backup."""


@command.command("export")
@click.argument("folder", type=_FOLDER)
@click.option("--controller", required=True, help="Whose log.")
@json_option
def export(folder: Path, controller: str, as_json: bool) -> int:
    """Bring the export in FOLDER up to the log's present end; begin one if FOLDER is empty.

    The lanes catalogue, backfill and live are exported. Evidence is not: its records expire, and they are personal
    data under keys that an erasure destroys. Exit code 4: the log lacks records; all others are exported.

    \b
    Example: ledger log export /backup/omilon --controller omilon
    """
    operator = settings.load(settings.OperatorSettings)
    bootstrap = settings.require(operator, "kafka_bootstrap")
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    with record_bar("Exporting") as advance:
        report = asyncio.run(
            export_log(bootstrap, controller, folder, created_at=created_at, advance=advance)
        )
    emit(report, as_json=as_json, text=_export_text(report))
    return 4 if report.findings else 0


@command.command("verify")
@click.argument("folder", type=_FOLDER)
@click.option("--against-read-model", is_flag=True, help="Also rebuild standing in Postgres and compare row by row.")
@click.option("--files-only", is_flag=True, help="Do not re-derive standing, which takes a kilobyte of memory a row.")
@json_option
def verify(folder: Path, against_read_model: bool, files_only: bool, as_json: bool) -> int:
    """Read the whole export in FOLDER, find whatever is wrong with it, and re-derive standing.

    Needs nothing but the files. With --against-read-model it needs Postgres too, and compares the live read model at
    the positions of the export. Exit code 1: the read model differs. 4: the export is not what it claims to be.

    \b
    Example: ledger log verify /backup/omilon
    """
    with record_bar("Verifying") as advance:
        check = check_archive(folder, fold=not files_only, advance=advance)
    document: dict[str, object] = {**msgspec.structs.asdict(check), "sound": check.is_sound}
    lines = [_check_text(check)]
    code = 0 if check.is_sound else 4
    if against_read_model and check.is_sound:
        dsn = settings.require(settings.load(settings.OperatorSettings), "postgres_dsn")
        with record_bar("Comparing") as advance:
            compared = asyncio.run(compare_with_read_model(folder, dsn, advance=advance))
        document["comparison"] = report_document(compared)
        lines.append(report_text(compared))
        code = 0 if compared.is_clean else 1
    emit(document, as_json=as_json, text="\n".join(lines))
    return code


@command.command("import")
@click.argument("folder", type=_FOLDER)
@click.option("--dry-run", is_flag=True, help="Verify the export and look at the target; change nothing.")
@json_option
def import_(folder: Path, dry_run: bool, as_json: bool) -> None:
    """Make the exported log in FOLDER here, as an exact copy: same id, offsets, times, keys and bytes.

    The target must hold nothing of that log, or a part of this very copy: a killed import goes on where it stopped.
    Nothing may write to the topics meanwhile, and the log is neither folded nor appended to before it is whole.

    \b
    Example: ledger log import /backup/omilon --dry-run
    """
    operator = settings.load(settings.OperatorSettings)
    bootstrap, dsn = settings.require(operator, "kafka_bootstrap"), settings.require(operator, "postgres_dsn")
    if dry_run:
        progress("Only looking: nothing is written")
    with record_bar("Importing") as advance:
        report = asyncio.run(run_import(bootstrap, dsn, folder, dry_run=dry_run, advance=advance))
    emit(report, as_json=as_json, text=_import_text(report))


async def run_import(
    bootstrap: str, dsn: str, folder: Path, *, dry_run: bool = False, advance: Advance | None = None
) -> ImportReport:
    """As :func:`ledger.backup.log_import.import_log`, under the lock on making topics."""
    async with making_topics(dsn) as connection:
        return await import_log(connection, bootstrap, folder, dry_run=dry_run, advance=advance)


def _export_text(report: ExportReport) -> str:
    lines = [
        f"log {report.log_id} of {report.controller}, generation {report.generation}",
        f"wrote {report.written_records:,} records in {report.written_files} files",
        f"the export holds {report.records:,} records in {report.files} files, {report.size:,} bytes",
        f"not exported: {', '.join(report.not_exported)} (its records expire)",
    ]
    lines += [
        f"{finding.code}: {finding.lane}, partition {finding.partition}, offset {finding.offset}: {finding.detail}"
        for finding in report.findings
    ]
    lines.append("complete" if report.complete else "NOT complete")
    return "\n".join(lines)


def _check_text(check: ArchiveCheck) -> str:
    lines = [
        f"log {check.log_id} of {check.controller}, generation {check.generation}, exported since {check.created_at}",
        f"read {check.records:,} records in {check.files} files, {check.size:,} bytes",
    ]
    lines += [
        f"unknown schema {fingerprint}: {count:,} records, each an open doubt"
        for fingerprint, count in check.unknown_schemas.items()
    ]
    if check.standing is not None:
        standing = check.standing
        lines.append(
            f"standing: {standing.rows:,} rows of {standing.subjects:,} subjects, digest {standing.digest}"
        )
    lines += [finding.words() for finding in check.findings]
    if check.finding_count > len(check.findings):
        lines.append(f"… and {check.finding_count - len(check.findings):,} findings more")
    lines.append(f"{check.finding_count:,} findings")
    return "\n".join(lines)


def _import_text(report: ImportReport) -> str:
    head = f"log {report.log_id} of {report.controller}, {report.records:,} records, {report.partitions} partitions"
    if report.already_complete:
        return f"{head}\nis here already; nothing to do"
    if report.dry_run:
        missing = report.records - report.present
        return f"{head}\nwould copy {missing:,} records; {report.present:,} stand here and would be compared"
    return f"{head}\ncopied {report.copied:,} records, compared all; {report.present:,} stood here before"
