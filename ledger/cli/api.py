"""``ledger api``: the HTTP API under uvicorn."""

import click

from ledger import log_lines, settings

__all__ = ["command"]

GRACE_SECONDS = 10
"""How long running requests get after SIGTERM; less than the 30 s after which an orchestrator kills."""


@click.command("api")
def command() -> None:
    """Serve the HTTP API until SIGTERM or SIGINT. One process uses one core; start one per core."""
    api = settings.load(settings.ApiSettings)
    log_lines.configure(api.log_level, process="api")
    import uvicorn

    uvicorn.run(
        "ledger.api.app:create_app",
        factory=True,
        host=api.api_host,
        port=api.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
