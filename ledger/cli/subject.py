"""``ledger subject report``: what holds for one person, as a page that can be read, printed and handed over."""

import asyncio
from pathlib import Path
from typing import Any

import click

from ledger import settings
from ledger.audit.pages.subject_page import SubjectReport, subject_page
from ledger.audit.phrases import Language
from ledger.audit.subject_report import subject_report
from ledger.cli.output import emit, json_option, progress
from ledger.cli.people import ask_for_person
from ledger.cli.report_files import PAGE, language_option, write_page
from ledger.domain.moments import moment_text
from ledger.sdk.people import Person, SubjectId, subject_id

__all__ = ["command"]


@click.group("subject")
def command() -> None:
    """Tell what holds for one person."""


@command.command("report")
@click.option("--controller", required=True, help="Whose ledger.")
@click.option(
    "--subject-id", "id_text", help="The person's subject id in hex; without it the person is asked for."
)
@language_option
@click.option("--out", required=True, type=PAGE, help="The HTML file to write.")
@click.option(
    "--show-identifiers",
    is_flag=True,
    help="Write the person's identifiers and subject id on the page. Without it the page names nobody.",
)
@json_option
def report(
    controller: str, id_text: str | None, language: Language, out: Path, show_identifiers: bool, as_json: bool
) -> None:
    """Write the page of one person: what may be done, since when, why, who was told, what happened, which texts.

    The person is asked for on the terminal, unseen, or read from standard input, so that no address ends up in the
    shell's history: email:…, phone:…, account:… or subject:….

    \b
    Example: ledger subject report --controller omilon --language sv --out anna.html
    """
    operator = settings.load(settings.OperatorSettings)
    person: Person = subject_id(id_text) if id_text is not None else ask_for_person()
    who = person.value if isinstance(person, SubjectId) else person
    progress(f"Reading the ledger of {controller}")
    found = asyncio.run(subject_report(operator, controller, who, with_identifiers=show_identifiers))
    written = write_page(out, subject_page(found, language))
    emit(_document(found, out, language, written), as_json=as_json, text=_text(found, out))


def _document(found: SubjectReport, out: Path, language: Language, written: int) -> dict[str, Any]:
    return {
        "controller": found.controller,
        "state": found.state,
        "language": language,
        "out": str(out),
        "bytes": written,
        "made_at": moment_text(found.made_ms),
        "catalogue_version": found.catalogue.version if found.catalogue else None,
        "allowed": sum(1 for each in found.answers if each.decision.allowed),
        "asked": len(found.answers),
        "records": len(found.history) + found.records_left_out,
        "requests": len(found.requests),
    }


def _text(found: SubjectReport, out: Path) -> str:
    if found.state == "unknown":
        return f"{out}: nobody is known by that name"
    allowed = sum(1 for each in found.answers if each.decision.allowed)
    uses = f"{allowed} of {len(found.answers)} uses allowed"
    told = {"known": uses, "doubtful": "in doubt", "blocked": "being erased", "erased": "erased"}[found.state]
    return f"{out}: {told}, {len(found.requests)} requests"
