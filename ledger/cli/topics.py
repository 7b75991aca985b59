"""``ledger topics``: compare Kafka's topics with the table in code, and bring them into line."""

import asyncio
from typing import Any

import click
import msgspec

from ledger import settings
from ledger.cli.output import emit, json_option, progress
from ledger.cli.topic_changes import logs, making_topics
from ledger.event_log import topics
from ledger.event_log.topics import Finding
from ledger.read_model import pool, sql

__all__ = ["apply_topics", "command", "plan_topics"]


@click.group("topics")
def command() -> None:
    """Compare Kafka's topics with the table in code, and bring them into line."""


@command.command("plan")
@json_option
@click.pass_context
def plan(context: click.Context, as_json: bool) -> None:
    """Show what `apply` would change, and what it would refuse. Exits with 1 when there is anything.

    \b
    Example: ledger topics plan
    """
    bootstrap, dsn = _addresses()
    findings = asyncio.run(plan_topics(bootstrap, dsn))
    _show(findings, as_json)
    context.exit(1 if findings else 0)


@command.command("apply")
@json_option
def apply(as_json: bool) -> None:
    """Make missing topics of new logs with their genesis records, and mend settings.

    A topic that is lost is not made anew: the command then changes nothing of that log and exits with 4.

    \b
    Example: ledger topics apply
    """
    bootstrap, dsn = _addresses()
    progress("Comparing topics with the table")
    findings = asyncio.run(apply_topics(bootstrap, dsn))
    _show(findings, as_json)
    topics.raise_refused(findings)


async def plan_topics(bootstrap: str, dsn: str) -> tuple[Finding, ...]:
    """Every difference between the table and Kafka, for all controllers."""
    connection = await pool.connect(dsn, application_name="ledger-topics")
    try:
        known = await logs(connection)
    finally:
        await connection.close()
    return await topics.plan(bootstrap, known)


async def apply_topics(bootstrap: str, dsn: str) -> tuple[Finding, ...]:
    """Bring Kafka into line for all controllers; what was found, with what was refused among it."""
    async with making_topics(dsn) as connection:
        known = await logs(connection)
        findings = await topics.apply(bootstrap, known)
        refused = {finding.topic for finding in findings if finding.refused is not None}
        for log in known:
            if log.is_new and refused.isdisjoint(topic.name for topic in topics.topics_of(log)):
                with pool.translated():
                    await connection.execute(sql.load("log_mark_ready"), log.log_id, log.generation)
    return findings


def _addresses() -> tuple[str, str]:
    loaded = settings.load(settings.OperatorSettings)
    return settings.require(loaded, "kafka_bootstrap"), settings.require(loaded, "postgres_dsn")


def _show(findings: tuple[Finding, ...], as_json: bool) -> None:
    shown: list[Any] = [msgspec.structs.asdict(finding) for finding in findings]
    lines = [f"{'REFUSED ' if finding.refused else ''}{finding.topic}: {finding.what}" for finding in findings]
    emit(shown, as_json=as_json, text="\n".join(lines) or "nothing to do")
