"""The reactions worker: timers and agents beside the fold, in an app of its own so that none of them can stop it.

Every agent has one form: ``noack``, and acknowledged only after the durable effect. Faust's own acknowledging
iterator takes an event whose agent has failed for done (``reference/streaming-performance.md`` 1.3, L1).
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import faust
from mode import CrashingSupervisor, Service

from ledger.event_log.topic_table import HEARTBEAT_TOPIC
from ledger.metrics import PROJECTION_READY, REACTION_HEARTBEAT_AT, REACTION_HEARTBEATS
from ledger.settings import ReactionsSettings, load
from projections import acknowledgements, erasures, evidence
from projections.reaction_parts import ReactionParts

__all__ = ["app"]

HEARTBEAT_SECONDS: Final = 1.0
ORIGIN: Final = b"reactions"

settings = load(ReactionsSettings)
parts = ReactionParts(settings)

app = faust.App(
    "ledger-reactions",
    broker=[f"aiokafka://{server.strip()}" for server in settings.kafka_bootstrap.split(",")],
    datadir=str(Path(tempfile.gettempdir()) / "ledger-reactions"),
    web_enabled=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
    # A killed worker's answers are taken by the next after ten seconds and not after a minute.
    broker_session_timeout=10.0,
    broker_heartbeat_interval=2.0,
    # An acknowledgement that came before the first start must not be passed over.
    consumer_auto_offset_reset="earliest",
    # A reaction that fails ends the worker, and is met again at the next start: never skipped, never swallowed.
    agent_supervisor=CrashingSupervisor,
)

heartbeats = app.topic(
    HEARTBEAT_TOPIC,
    key_type=bytes,
    key_serializer="raw",
    value_type=bytes,
    value_serializer="raw",
    allow_empty=True,
)


@app.service
class Parts(Service):
    """Closes what the reactions share when the worker stops."""

    async def on_stop(self) -> None:
        """Waits a few seconds for what is being sent."""
        await close_erasures()
        await parts.close()


# Each says what it does; all share the same connections.
acknowledgements.register(app, parts)
close_erasures = erasures.register(app, parts)
evidence.register(app, parts)


@app.timer(HEARTBEAT_SECONDS)  # type: ignore[untyped-decorator]
async def send_heartbeat() -> None:
    """Says on the heartbeat topic that timers run here."""
    await heartbeats.send(key=ORIGIN, value=b"")


@app.agent(heartbeats)
async def take_heartbeats(stream: Any) -> None:
    """Counts the heartbeats of this kind of worker; those of the fold pass by."""
    async for event in stream.noack().events():
        if event.key == ORIGIN:
            REACTION_HEARTBEATS.inc()
            REACTION_HEARTBEAT_AT.set(time.time())
            PROJECTION_READY.labels("reactions").set(1)
        event.ack()
