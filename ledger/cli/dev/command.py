"""``ledger dev up | status | down | reset | fetch``."""

import sys
from pathlib import Path

import click

from ledger import settings
from ledger.cli.output import emit, json_option
from ledger.errors import ConfigurationError, Rejected

__all__ = ["command"]

_state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for all state; .ledger of this checkout unless given.",
)


@click.group("dev")
def command() -> None:
    """Run a whole local stack without Docker: Kafka, Postgres, workers and API, in one ignored folder."""


@command.command("up")
@_state_option
@json_option
def up(state: Path | None, as_json: bool) -> None:
    """Start what does not run yet, and return when all of it is ready. Safe to repeat, also after a crash."""
    from ledger.cli.dev.stack import DevStack

    stack = DevStack(state=_folder(state))
    stack.up()
    services = stack.status()
    lines = [f"{service.name:<10} {service.address}" for service in services]
    lines.append(f"\nSettings are in {stack.state / 'env'}; stop it all with `ledger dev down`.")
    emit(services, as_json=as_json, text="\n".join(lines))


@command.command("status")
@_state_option
@json_option
def status(state: Path | None, as_json: bool) -> int:
    """Tell which services run. Exit code 3 when one of them does not."""
    from ledger.cli.dev.stack import DevStack

    services = DevStack(state=_folder(state)).status()
    lines = [
        f"{service.name:<10} {'running' if service.running else 'stopped':<8} {service.address}  {service.log}"
        for service in services
    ] or ["Nothing has been started here yet: run `ledger dev up`."]
    emit(services, as_json=as_json, text="\n".join(lines))
    return 0 if services and all(service.running for service in services) else 3


@command.command("down")
@_state_option
@json_option
def down(state: Path | None, as_json: bool) -> None:
    """Stop what `ledger dev up` started here, and nothing else. Data is kept."""
    from ledger.cli.dev.stack import DevStack

    stopped = DevStack(state=_folder(state)).down()
    emit({"stopped": stopped}, as_json=as_json, text=f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")


@command.command("reset")
@_state_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def reset(state: Path | None, yes: bool, as_json: bool) -> None:
    """Stop the stack and delete all its data: log, database, secrets."""
    from ledger.cli.dev.stack import DevStack

    folder = _folder(state)
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected("not_confirmed")
        typed = click.prompt(f"All data in {folder} will be deleted. Type the folder's name ({folder.name})", err=True)
        if typed != folder.name:
            raise Rejected("not_confirmed")
    DevStack(state=folder).reset()
    emit({"deleted": str(folder)}, as_json=as_json, text=f"Deleted the stack in {folder}.")


@command.command("fetch")
@json_option
def fetch(as_json: bool) -> None:
    """Fetch the Kafka broker through Maven, so that `up` does not have to."""
    from ledger.cli.dev.kafka_process import ensure_jars

    jars = ensure_jars()
    emit({"jars": str(jars.library)}, as_json=as_json)


def _folder(state: Path | None) -> Path:
    folder = state or settings.state_folder()
    if folder is None:
        raise ConfigurationError("checkout_missing")
    return folder.resolve()
