"""The fold worker, log to Postgres: ``ledger worker fold``, or ``faust -A projections.fold worker --without-web``.

Faust is the host: signals, supervision, logging. None of its streams, tables or consumers is started, so it neither
decides what is done (it acknowledges events whose agent has failed) nor keeps the fold from starting when a group
of its own cannot be joined. The fold itself is one service (:mod:`projections.fold_loop`).
"""

import tempfile
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy

from ledger.settings import FoldSettings, load
from projections.fold_loop import FoldLoop

__all__ = ["app"]

settings = load(FoldSettings)


class _HostOnly(BootStrategy):
    enable_kafka = False
    enable_web = False


class _FoldApp(faust.App):
    BootStrategy = _HostOnly


app = _FoldApp(
    "ledger-fold-host",
    broker=[f"aiokafka://{server.strip()}" for server in settings.kafka_bootstrap.split(",")],
    # Faust makes this folder even where it keeps nothing in it.
    datadir=str(Path(tempfile.gettempdir()) / "ledger-fold-host"),
    web_enabled=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
)


@app.service
class Fold(FoldLoop):
    """The fold with the settings of this process."""

    def __init__(self, **options: Any) -> None:
        super().__init__(settings, **options)
