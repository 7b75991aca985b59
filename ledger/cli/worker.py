"""``ledger worker fold|reactions``: the Faust workers, with metrics, log lines and no built-in web server."""

import importlib
import sys

import click

from ledger import log_lines, settings

__all__ = ["command"]


@click.group("worker")
def command() -> None:
    """Run a Faust worker. It runs until it gets SIGTERM or SIGINT, and then ends its batch first."""


@command.command("fold")
def fold() -> None:
    """Fold the log into the read model (the same as `faust -A projections.fold worker --without-web`)."""
    fold_settings = settings.load(settings.FoldSettings)
    _run("fold", "projections.fold", fold_settings.log_level, fold_settings.metrics_port)


@command.command("reactions")
def reactions() -> None:
    """Run timers and agents (the same as `faust -A projections.reactions worker --without-web`)."""
    reactions_settings = settings.load(settings.ReactionsSettings)
    _run("reactions", "projections.reactions", reactions_settings.log_level, reactions_settings.metrics_port)


def _run(name: str, app: str, log_level: str, metrics_port: int | None) -> None:
    log_lines.configure(log_level, process=f"worker-{name}")
    if metrics_port is not None:
        # Here and not above: prometheus_client is wanted only by a process that serves it.
        from ledger import metrics

        metrics.serve(metrics_port)
    from faust.cli.faust import cli

    # Faust sets up logging itself at start, from this, and would otherwise replace what stands above.
    importlib.import_module(app).app.conf.logging_config = log_lines.as_dictionary(log_level, process=f"worker-{name}")
    # --without-web: otherwise the worker listens on all interfaces, whatever the app's own settings say.
    sys.argv[0] = "faust"
    cli.main(
        args=["-A", app, "--quiet", "worker", "--without-web", "--loglevel", log_level],
        prog_name="faust",
        standalone_mode=True,
    )
