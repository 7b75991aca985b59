"""``ledger audit replay|explain``: rebuild and compare, and why a decision is what it is."""

import asyncio

import click

from ledger import settings
from ledger.audit.explain import Asked, explain
from ledger.audit.explanation_text import as_text
from ledger.audit.record_sources import KafkaRecords
from ledger.audit.replay import DIFFERENCES_SHOWN, ReplayReport, replay
from ledger.cli.output import emit, json_option, progress
from ledger.cli.people import ask_for_person
from ledger.cli.record_bar import record_bar
from ledger.domain.decision import Question
from ledger.sdk.people import SubjectId

__all__ = ["command", "report_document", "report_text"]


@click.group("audit")
def command() -> None:
    """Replay the log and compare, and explain decisions. Reads; writes only scratch schemas of its own."""


@command.command("replay")
@click.option(
    "--controller", "controllers", multiple=True, help="Only this controller; may be given several times."
)
@click.option("--keep", is_flag=True, help="Keep the scratch schema, to look at it with SQL.")
@click.option("--show", default=DIFFERENCES_SHOWN, show_default=True, type=click.IntRange(0, 1_000),
              help="At most so many differences of each table.")  # fmt: skip
@json_option
def replay_command(controllers: tuple[str, ...], keep: bool, show: int, as_json: bool) -> int:
    """Rebuild standing from the log beside the running system and compare it row by row with the live one.

    Exit code 0: no difference. 1: a difference, or an event id that counts twice. 4: the log itself is not the one
    that was folded.

    \b
    Example: ledger audit replay --controller omilon
    """
    operator = settings.load(settings.OperatorSettings)
    bootstrap, dsn = settings.require(operator, "kafka_bootstrap"), settings.require(operator, "postgres_dsn")
    with record_bar("Replaying") as advance:
        report = asyncio.run(
            replay(KafkaRecords(bootstrap), dsn, controllers or None, keep=keep, shown=show, advance=advance)
        )
    for name in report.leftovers:
        progress(f"An earlier replay left the schema {name}; drop it when you have looked at it.")
    emit(report_document(report), as_json=as_json, text=report_text(report))
    return 0 if report.is_clean else 1


@command.command("explain")
@click.option("--controller", required=True, help="Whose ledger.")
@click.option("--purpose", required=True, help="The purpose, by its id.")
@click.option("--channel", help="The channel, by its id.")
@click.option("--recipient", help="The recipient, by its id.")
@click.option("--category", help="The category of data, by its id.")
@click.option("--lang", "language", type=click.Choice(["en", "sv"]), default="en", show_default=True,
              help="The language of the explanation.")  # fmt: skip
@json_option
def explain_command(
    controller: str,
    purpose: str,
    channel: str | None,
    recipient: str | None,
    category: str | None,
    language: str,
    as_json: bool,
) -> None:
    """Tell why a use of a person's data is allowed or denied: the decision, its rows and its events.

    The person is asked for on the terminal, unseen, or read from standard input, so that no address ends up in the
    shell's history: email:…, phone:…, account:… or subject:….

    \b
    Example: ledger audit explain --controller omilon --purpose om.newsletter --channel email
    """
    operator = settings.load(settings.OperatorSettings)
    question = Question(purpose=purpose, channel=channel, recipient=recipient, category=category)
    person = ask_for_person()
    who = person.value if isinstance(person, SubjectId) else person
    asked = Asked(controller=controller, person=who, question=question)
    explanation = asyncio.run(explain(operator, asked, "sv" if language == "sv" else "en"))
    emit(explanation, as_json=as_json, text=as_text(explanation))


def report_document(report: ReplayReport) -> dict[str, object]:
    """The report as JSON has it."""
    return {name: getattr(report, name) for name in report.__struct_fields__} | {"clean": report.is_clean}


def report_text(report: ReplayReport) -> str:
    """The report as a page for people."""
    rate = report.records / report.fold_seconds if report.fold_seconds else 0
    counted = ", ".join(f"{count:,} {table}" for table, count in report.rows.items())
    seconds = f"{report.fold_seconds:.1f} s ({rate:,.0f} records/s)"
    lines = [
        f"replayed {report.records:,} records of {len(report.controllers)} controllers in {seconds}",
        f"compared {counted} rows in {report.compare_seconds:.1f} s",
        "outcomes: " + (", ".join(f"{count:,} {name}" for name, count in report.outcomes.items()) or "none"),
    ]
    lines += [difference.words() for difference in report.differences]
    hidden = report.total_differences - len(report.differences)
    if hidden:
        lines.append(f"… and {hidden:,} differences more")
    lines += [reused.words() for reused in report.reused_event_ids]
    if report.left_out_subjects:
        lines.append(f"{report.left_out_subjects:,} subjects have later records and were left out")
    lines.append(
        f"{report.total_differences:,} differences, {report.reused_event_id_count:,} reused event ids"
    )
    if report.schema:
        lines.append(f"kept schema {report.schema}")
    return "\n".join(lines)
