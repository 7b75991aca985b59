"""``ledger``: the table of commands, each loaded only when it is called, and how errors are shown.

Exit codes: 0 done, 1 a finding (a difference, a denial), 2 wrong use or settings, 3 a service is unavailable,
4 the log or the read model is not what it claims to be.
"""

import importlib
import sys
from typing import Final, NamedTuple

import click
import msgspec

from ledger.errors import LedgerError

__all__ = ["main"]


class _Entry(NamedTuple):
    """One row of the table: where the command lives, and its line in ``ledger --help``."""

    module: str
    summary: str


_COMMANDS: Final = {
    "dev": _Entry("ledger.cli.dev.command", "Run a whole local stack: Kafka, Postgres, workers and API."),
    "api": _Entry("ledger.cli.api", "Serve the HTTP API."),
    "worker": _Entry("ledger.cli.worker", "Run a Faust worker: the fold or the reactions."),
    "migrate": _Entry("ledger.cli.migrate", "Bring the database's tables up to this version."),
    "controllers": _Entry("ledger.cli.controllers", "Create the ledger of an organisation."),
    "topics": _Entry("ledger.cli.topics", "Compare the Kafka topics with the table in code, and apply it."),
    "api-keys": _Entry("ledger.cli.api_keys", "Create API keys; shown once, stored hashed."),
    "secrets": _Entry("ledger.cli.secrets", "Make the pepper and the keys, as files."),
    "catalogue": _Entry("ledger.cli.catalogue", "Publish and show a controller's purposes and notices."),
    "list": _Entry("ledger.cli.list", "Import lists of newsletter tools and shops; never resubscribes anybody."),
    "log": _Entry("ledger.cli.log", "Export a log to files, verify them, import them elsewhere."),
    "subject": _Entry("ledger.cli.subject", "Write the page of one person: what holds, since when, and why."),
    "holders": _Entry("ledger.cli.holders", "Register the systems that hold personal data, which erasures are sent to."),
    "backup": _Entry("ledger.cli.backup", "Back up logs, vault, suppressions and control tables."),
    "restore": _Entry("ledger.cli.restore", "Restore a backup into an empty database."),
    "requests": _Entry("ledger.cli.requests", "Open and follow people's requests to be erased."),
    "audit": _Entry("ledger.cli.audit", "Replay the log, compare, and explain decisions."),
    "quarantine": _Entry("ledger.cli.quarantine", "Records in doubt: list, show, admit, discard."),
    "status": _Entry("ledger.cli.status", "Tell what is wrong now and what to do about it."),
    "settings": _Entry("ledger.cli.settings", "Show every setting, its value, and where it came from."),
}


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, so that ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="consent-ledger", prog_name="ledger")
def root() -> None:
    """The consent and preference ledger: what may be done with a person's data, and the proof of it."""
    # Not for --help, which is to be quick.
    from ledger import log_lines

    log_lines.configure_command()


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. An error of ours is told in words and never as a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        result = root.main(args=given, prog_name="ledger", standalone_mode=False)
    except LedgerError as error:
        _tell(error, as_json="--json" in given)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    return result if isinstance(result, int) else 0


def _tell(error: LedgerError, *, as_json: bool) -> None:
    if as_json:
        problem = {"code": error.code, "detail": error.detail, "retryable": error.retryable}
        click.echo(msgspec.json.encode(problem).decode(), err=True)
        return
    click.echo(f"{click.style('error', fg='red')} {error.code}: {error.diagnostics()}", err=True)


if __name__ == "__main__":
    sys.exit(main())
