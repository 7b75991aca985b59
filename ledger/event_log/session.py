"""One idempotent producer with what it has in flight, which can be given up in one step.

aiokafka's idempotent producer (0.14.0, pinned) retries a batch for ever and offers no way to give it up: ``stop``
flushes, a cancelled future stays in its batch, and a socket that is closed in order goes on delivering what was
written: Linux repeats it for minutes after the process has let go of it. A record that arrives so late would be ranked
as if it had been made then. Therefore every connection of a session ends with a reset, also when aiokafka itself
closes one after a request's timeout, and :meth:`Session.abort` leaves no task a turn in which it could send.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from ledger.event_log.clock import seconds_since_boot

__all__ = ["GivenUp", "Session"]

_log = logging.getLogger(__name__)

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_BATCH_BYTES: Final = 262_144
_RETRY_BACKOFF_MS: Final = 100


class GivenUp(Exception):
    """The session was torn down before the record was acknowledged: it may be on the log or not."""


class _Sent:
    """One record between encoding and acknowledgement. It stays in flight even if its caller has gone."""

    __slots__ = ("encoded_at", "outcome")

    def __init__(self, encoded_at: float, outcome: "asyncio.Future[RecordMetadata | BaseException]") -> None:
        self.encoded_at = encoded_at
        self.outcome = outcome


class Session:
    """A started producer. ``deadline_s`` bounds the time from encoding to acknowledgement of every record."""

    def __init__(
        self, producer: AIOKafkaProducer, deadline_s: float, on_settled: Callable[[], None]
    ) -> None:
        self._producer = producer
        self._deadline_s = deadline_s
        self._on_settled = on_settled
        self._loop = asyncio.get_running_loop()
        self._in_flight: dict[int, _Sent] = {}
        self._count = 0
        self._watch: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[Any]] = set()
        self._ending: asyncio.Future[None] | None = None
        producer.client._conns = _Connections()
        _track_tasks(producer, self._sending)

    @classmethod
    async def open(
        cls,
        bootstrap: str,
        *,
        client_id: str,
        deadline_s: float,
        request_timeout_s: float,
        on_settled: Callable[[], None],
    ) -> Self:
        """A session whose producer has its producer id. Raises aiokafka's errors when the brokers do not answer."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(request_timeout_s * 1000),
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            max_batch_size=_BATCH_BYTES,
        )
        session = cls(producer, deadline_s, on_settled)
        try:
            await producer.start()
        except BaseException:
            await session.abort()
            raise
        return session

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    async def has_partition(self, topic: str, partition: int) -> bool:
        """Whether the cluster has this partition; asks the brokers when it is not known yet."""
        known = self._producer.client.cluster.partitions_for_topic(topic)
        if known is None or partition not in known:
            known = await self._producer.partitions_for(topic)
        return partition in known

    async def send(self, topic: str, partition: int, key: bytes, value: bytes) -> RecordMetadata:
        """Send one record, encoded just now, and wait for its acknowledgement.

        Raises :class:`GivenUp` when the session is aborted, aiokafka's ``KafkaError`` when the brokers refuse. A
        caller that is cancelled leaves the record in flight, under the same deadline.
        """
        sent = _Sent(seconds_since_boot(), self._loop.create_future())
        self._count += 1
        number = self._count
        self._in_flight[number] = sent
        try:
            future = await self._producer.send(topic, value, key, partition=partition)
        except BaseException:
            # It was not taken into a batch.
            self._settle(number)
            raise
        future.add_done_callback(lambda done: self._acknowledged(number, done))
        self._watch_oldest()
        result = await sent.outcome
        if isinstance(result, BaseException):
            raise result
        return result

    def hold_to(self, deadline_s: float) -> None:
        """Another deadline for every record, those in flight included."""
        self._deadline_s = deadline_s
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._watch_oldest()

    async def drain(self, timeout_s: float) -> None:
        """Return when nothing is in flight, or after ``timeout_s``."""
        waiting = [sent.outcome for sent in self._in_flight.values() if not sent.outcome.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=timeout_s)

    @property
    def aborted(self) -> bool:
        return self._ending is not None

    def abort(self) -> "asyncio.Future[None]":
        """Give up everything in flight, now: no byte leaves after this call. The result ends when all is closed.

        Runs without a pause up to the last socket, so that no task of the producer gets a turn in between.
        """
        if self._ending is not None:
            return self._ending
        tasks = [*self._sending]
        if self._producer._sender.sender_task is not None:
            tasks.append(self._producer._sender.sender_task)
        for task in tasks:
            task.cancel()
        self._reset_connections()
        self._refuse_senders()
        if self._watch is not None:
            self._watch.cancel()
        self._ending = asyncio.ensure_future(self._closed(tasks))
        for number, sent in tuple(self._in_flight.items()):
            if not sent.outcome.done():
                sent.outcome.set_result(GivenUp())
            self._settle(number)
        return self._ending

    def _acknowledged(self, number: int, done: "asyncio.Future[RecordMetadata]") -> None:
        # Read in any case: an exception that nobody asks for is logged as lost.
        error = None if done.cancelled() else done.exception()
        sent = self._in_flight.get(number)
        if sent is not None and not sent.outcome.done():
            if done.cancelled():
                sent.outcome.set_result(GivenUp())
            else:
                sent.outcome.set_result(error if error is not None else done.result())
        self._settle(number)

    def _settle(self, number: int) -> None:
        if self._in_flight.pop(number, None) is not None:
            self._on_settled()

    def _watch_oldest(self) -> None:
        if self._watch is None and self._in_flight and not self.aborted:
            oldest = next(iter(self._in_flight.values()))
            remaining = oldest.encoded_at + self._deadline_s - seconds_since_boot()
            self._watch = self._loop.call_later(max(remaining, 0.0), self._look)

    def _look(self) -> None:
        self._watch = None
        oldest = next(iter(self._in_flight.values()), None)
        if oldest is None:
            return
        if seconds_since_boot() - oldest.encoded_at >= self._deadline_s:
            _log.warning("no acknowledgement of the log within the deadline; the producer is given up")
            self.abort()
        else:
            self._watch_oldest()

    def _reset_connections(self) -> None:
        for connection in self._producer.client._conns.values():
            connection.close()

    def _refuse_senders(self) -> None:
        """Wake who waits for room in a full batch of the producer: there will be none."""
        accumulator = self._producer._message_accumulator
        accumulator._closed = True
        for batches in accumulator._batches.values():
            for batch in batches:
                if not batch._drain_waiter.done():
                    batch._drain_waiter.set_result(None)

    async def _closed(self, tasks: list[asyncio.Task[Any]]) -> None:
        self._producer._closed = True
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._producer.client.close()


def _track_tasks(producer: AIOKafkaProducer, tasks: set[asyncio.Task[Any]]) -> None:
    """Know the tasks that carry batches to the brokers: the producer itself keeps them in a local variable."""
    sender = producer._sender
    send = sender._send_produce_req

    async def tracked(node_id: int, batches: Any) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await send(node_id, batches)

    sender._send_produce_req = tracked


class _Connections(dict[Any, Any]):
    """aiokafka's table of connections, each of which ends with a reset, whoever closes it."""

    def __setitem__(self, key: Any, connection: Any) -> None:
        _reset_on_close(connection)
        super().__setitem__(key, connection)


def _reset_on_close(connection: Any) -> None:
    """Neither the transport's buffer nor the kernel's may outlive the connection."""
    writer = connection._writer
    if writer is None:
        return
    connected = writer.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.close = writer.transport.abort
