"""``ledger migrate``: bring the tables of control, read model and vault up to this version."""

import asyncio

import click

from ledger import settings
from ledger.cli.output import emit, json_option
from ledger.read_model.migrate import migrate

__all__ = ["command"]


@click.command("migrate")
@json_option
def command(as_json: bool) -> None:
    """Bring the database's tables up to this version. Safe to repeat; migrations go forward only."""
    operator = settings.load(settings.OperatorSettings)
    dsn = settings.require(operator, "postgres_dsn")
    applied = asyncio.run(migrate(dsn, vault_dsn=operator.vault_dsn))
    fresh = [entry for entry in applied if entry.fresh]
    lines = [f"{entry.home}  {entry.name}  {'applied now' if entry.fresh else 'was applied'}" for entry in applied]
    lines.append(f"{len(fresh)} applied now, {len(applied) - len(fresh)} were in place")
    emit(applied, as_json=as_json, text="\n".join(lines))
