"""``ledger catalogue publish|show|lint|report``: a controller's purposes and notices, from a folder to the log."""

import asyncio
import time
from pathlib import Path
from typing import Final

import click

from ledger import settings
from ledger.audit.pages.catalogue_page import catalogue_page
from ledger.audit.phrases import Language
from ledger.audit.publishing import Plan, in_force, plan, published_for
from ledger.cli.catalogue_files import CatalogueFolderInvalid, load_catalogue
from ledger.cli.catalogue_text import plan_document, plan_text, shown_document, shown_text
from ledger.cli.output import emit, json_option
from ledger.cli.report_files import PAGE, language_option, write_page
from ledger.domain.catalogue import parse_document
from ledger.domain.moments import moment_ms, moment_text
from ledger.errors import NotFound
from ledger.event_log.catalogue_log import published_versions, write_version

__all__ = ["command", "publish_catalogue"]

FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group("catalogue")
def command() -> None:
    """Check, publish and show a controller's purposes and notices."""


@command.command("lint")
@click.argument("folder", type=FOLDER)
@json_option
def lint(folder: Path, as_json: bool) -> int:
    """Tell everything that is wrong with the catalogue in FOLDER. Exit code 1 if anything is.

    \b
    Example: ledger catalogue lint deploy/catalogues/omilon
    """
    try:
        catalogue = load_catalogue(folder)
    except CatalogueFolderInvalid as error:
        document = {"sound": False, "findings": [finding._asdict() for finding in error.findings]}
        emit(document, as_json=as_json, text="\n".join(str(finding) for finding in error.findings))
        return 1
    text = (
        f"sound: {catalogue.controller.name}, version {catalogue.version}, {len(catalogue.purposes)} purposes"
    )
    emit({"sound": True, "findings": []}, as_json=as_json, text=text)
    return 0


@command.command("publish")
@click.argument("folder", type=FOLDER)
@click.option("--controller", help="Publish for this controller in place of the one that the folder names.")
@click.option(
    "--effective-from",
    help="When it takes effect, as in 2026-12-01T00:00:00+01:00; as soon as may be if left out.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be published, and publish nothing.")
@json_option
def publish(
    folder: Path, controller: str | None, effective_from: str | None, dry_run: bool, as_json: bool
) -> None:
    """Put the catalogue in FOLDER on its controller's catalogue topic. Safe to repeat: the same content is no news.

    \b
    Example: ledger catalogue publish deploy/catalogues/omilon --dry-run
    """
    operator = settings.load(settings.OperatorSettings)
    outcome = asyncio.run(
        publish_catalogue(
            controller,
            folder,
            bootstrap=settings.require(operator, "kafka_bootstrap"),
            effective_from_ms=None
            if effective_from is None
            else moment_ms(effective_from, "--effective-from"),
            staleness_bound_ms=round(operator.staleness_bound_seconds * 1000),
            dry_run=dry_run,
        )
    )
    emit(plan_document(outcome, dry_run), as_json=as_json, text=plan_text(outcome, dry_run))


@command.command("show")
@click.argument("controller")
@json_option
def show(controller: str, as_json: bool) -> None:
    """Show the published versions of CONTROLLER's catalogue and the purposes of the one in force, from the log.

    \b
    Example: ledger catalogue show omilon
    """
    operator = settings.load(settings.OperatorSettings)
    versions = asyncio.run(published_versions(settings.require(operator, "kafka_bootstrap"), controller))
    standing = in_force(versions, _now_ms())
    catalogue = parse_document(standing.document) if standing else None
    emit(shown_document(controller, versions, standing, catalogue), as_json=as_json,
         text=shown_text(controller, versions, standing, catalogue))  # fmt: skip


@command.command("report")
@click.argument("controller")
@language_option
@click.option("--out", required=True, type=PAGE, help="The HTML file to write.")
@json_option
def report(controller: str, language: Language, out: Path, as_json: bool) -> None:
    """Write the page of CONTROLLER's catalogue in force: purposes by ground, recipients, holders, holds, texts.

    \b
    Example: ledger catalogue report omilon --language sv --out omilon.html
    """
    operator = settings.load(settings.OperatorSettings)
    versions = asyncio.run(published_versions(settings.require(operator, "kafka_bootstrap"), controller))
    standing = in_force(versions, _now_ms())
    if standing is None:
        raise NotFound("catalogue_missing", f"{controller} has no catalogue in force.")
    catalogue = parse_document(standing.document)
    made_ms = _now_ms()
    written = write_page(out, catalogue_page(catalogue, language, made_ms=made_ms))
    document = {
        "controller": controller,
        "version": catalogue.version,
        "language": language,
        "out": str(out),
        "bytes": written,
        "made_at": moment_text(made_ms),
    }
    emit(document, as_json=as_json, text=f"{out}: {catalogue.controller.title}, version {catalogue.version}")


async def publish_catalogue(
    controller: str | None,
    folder: Path,
    *,
    bootstrap: str,
    dsn: str | None = None,
    effective_from_ms: int | None = None,
    staleness_bound_ms: int = 30_000,
    dry_run: bool = False,
) -> Plan:
    """Publishes the catalogue in ``folder``, for ``controller`` if one is named; durable on the log on return.

    Raises what :func:`load_catalogue` and :func:`plan` raise, and ``Unavailable`` when the log is not there.
    ``dsn`` is taken and not needed: the read model learns the version from the log.
    """
    catalogue = load_catalogue(folder)
    if controller is not None:
        catalogue = published_for(catalogue, controller)
    versions = await published_versions(bootstrap, catalogue.controller.name)
    found = plan(
        catalogue,
        versions,
        now_ms=_now_ms(),
        staleness_bound_ms=staleness_bound_ms,
        effective_from_ms=effective_from_ms,
    )
    if found.writes and not dry_run:
        await write_version(
            bootstrap,
            found.controller,
            version=found.version,
            effective_from_ms=found.effective_from_ms,
            document=found.document,
        )
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
