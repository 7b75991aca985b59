"""Clients of the brokers, opened and always closed, and their errors told in the ledger's words."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ledger.errors import Unavailable

__all__ = ["REQUEST_TIMEOUT_S", "administering", "reading", "translated", "writing"]

REQUEST_TIMEOUT_S: Final = 10.0
"""How long one request may take before it is sent again on a new connection."""


@contextmanager
def translated() -> Iterator[None]:
    """Turns every error of Kafka's client and of the socket into ``Unavailable(log_unavailable)``."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(
            "log_unavailable",
            f"The log (Kafka) did not answer: {type(error).__name__}.",
            cause=type(error).__name__,
        ) from error


@asynccontextmanager
async def administering(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for the length of the block, its errors translated."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, client_id="ledger-admin", request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000)
    )
    with translated():
        try:
            await client.start()
            yield client
        finally:
            await client.close()


@asynccontextmanager
async def reading(bootstrap: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, for the length of the block; the caller assigns and seeks.

    Commits nothing, and never jumps over a hole: an offset that is not there raises.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="ledger-reader",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
        **options,
    )
    with translated():
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()


@asynccontextmanager
async def writing(bootstrap: str, client_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer for what may stand twice and bears no time of its own (tombstones, acknowledgements of orders).

    Acknowledged by all in-sync replicas. Not idempotent: such a producer retries for ever, and this one must say
    after a request's timeout that nobody acknowledged. For the log there is the ``Appender``.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=False,
        request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
    )
    with translated():
        try:
            await producer.start()
            yield producer
        finally:
            await producer.stop()
