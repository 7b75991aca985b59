"""Orders out, acknowledgements in: the timers that send, remind and verify, and the agent that takes answers.

An acknowledgement is Kafka's only after its effect is durable in the vault (``noack``; Faust's own iterator takes an
event whose agent has failed for done, ``streaming-performance.md`` L1). While Postgres is away the agent waits with
the same answer in hand; one that is refused is counted, told in the log by its place, and passed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import faust

from ledger.erasure.acknowledgements import Acknowledgements, Taken
from ledger.erasure.sending import OrderSender
from ledger.erasure.verifying import Verifier
from ledger.errors import LedgerError
from ledger.event_log.topic_table import ACKNOWLEDGEMENTS_TOPIC
from ledger.log_lines import get_logger
from projections.reaction_parts import ReactionParts

__all__ = ["register"]

SEND_SECONDS: Final = 0.2
VERIFY_SECONDS: Final = 0.5
OVERDUE_SECONDS: Final = 5.0
FIRST_WAIT_SECONDS: Final = 0.2
LAST_WAIT_SECONDS: Final = 5.0

_log = get_logger(__name__)


def register(app: faust.App, parts: ReactionParts) -> None:
    """Adds the agent and the timers to the app, which shares ``parts`` with the other reactions."""
    topic = app.topic(
        ACKNOWLEDGEMENTS_TOPIC,
        key_type=bytes,
        key_serializer="raw",
        value_type=bytes,
        value_serializer="raw",
        allow_empty=True,
    )

    async def take_acknowledgements(stream: Any) -> None:
        async for event in stream.noack().events():
            taken = await _patiently(partial(_take, parts, event.value))
            if taken.code is not None:
                place = event.message
                _log.warning(
                    "acknowledgement_refused", code=taken.code, partition=place.partition, offset=place.offset
                )
            event.ack()

    async def send_orders() -> None:
        opened = await parts.opened()
        sender = _sender(parts, opened)
        # As long as there is a full batch, no order waits for the next tick.
        while await sender.send_due(_now_ms()):
            continue

    async def verify_topics() -> None:
        opened = await parts.opened()
        await Verifier(opened.vault, opened.holders, parts.settings.kafka_bootstrap).verify_due(_now_ms())

    async def mark_overdue() -> None:
        await _sender(parts, await parts.opened()).mark_overdue(_now_ms())

    app.agent(topic, name="acknowledgements")(take_acknowledgements)
    app.timer(SEND_SECONDS)(_passing(send_orders))
    app.timer(VERIFY_SECONDS)(_passing(verify_topics))
    app.timer(OVERDUE_SECONDS)(_passing(mark_overdue))


def _sender(parts: ReactionParts, opened: Any) -> OrderSender:
    return OrderSender(
        opened.vault,
        opened.holders,
        opened.secrets,
        opened.appender,
        parts.settings.kafka_bootstrap,
        resend_seconds=parts.settings.order_resend_seconds,
    )


async def _take(parts: ReactionParts, value: bytes | None) -> Taken:
    opened = await parts.opened()
    return await Acknowledgements(opened.vault, opened.holders).take(value, _now_ms())


async def _patiently(work: Callable[[], Awaitable[Taken]]) -> Taken:
    """The result of ``work``, however long a service is away: an answer must not be passed over for that."""
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return await work()
        except LedgerError as error:
            if not error.retryable:
                raise
            _log.warning("acknowledgement_waits", code=error.code)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LAST_WAIT_SECONDS)


def _passing(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """A timer that lets an outage pass: its next tick tries again. Anything else ends the worker."""

    async def tick() -> None:
        try:
            await work()
        except LedgerError as error:
            if not error.retryable:
                raise
            _log.warning("reaction_waits", code=error.code)

    tick.__name__ = tick.__qualname__ = getattr(work, "__name__", "tick")
    return tick


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
