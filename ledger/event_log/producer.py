"""Appends to the log: acknowledged by all in-sync replicas, or said not to be. Never both, never in silence.

Every act has 60 s from encoding to acknowledgement (standing.md: the margin of two minutes by which a grant counts
earlier rests on it). Then the whole producer is given up unflushed and each act is encoded anew, with the wait added
and marked as a possible repeat; the fold counts the first record of an event id.
"""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import RecordMetadata

from ledger.errors import IntegrityViolation, Rejected, Unavailable
from ledger.event_log.broker import REQUEST_TIMEOUT_S
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.session import GivenUp, Session

__all__ = ["APPEND_DEADLINE_S", "AppendCounts", "Appended", "Appender", "Attempt"]

_log = logging.getLogger(__name__)

APPEND_DEADLINE_S: Final = 60.0
MAX_IN_FLIGHT: Final = 4_096
_CLOSE_TIMEOUT_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.05
_LAST_BACKOFF_S: Final = 1.0
_LOG_APPEND_TIME: Final = 1


class Attempt(NamedTuple):
    """What an act's encoding must say anew each time.

    ``added_wait_ms`` is the time since :meth:`Appender.append` was called, to be added to a measured wait and to
    nothing else; ``may_be_repeat`` says that an earlier attempt may be on the log.
    """

    number: int
    added_wait_ms: int
    may_be_repeat: bool


class Appended(NamedTuple):
    """Where an acknowledged record stands. ``broker_ms`` is the log's own time of it (LogAppendTime)."""

    offset: int
    broker_ms: int
    partition: int


class AppendCounts(msgspec.Struct, kw_only=True):
    """Counters since the start, for metrics: ``repeats`` counts attempts after one whose fate is unknown."""

    acknowledged: int = 0
    unavailable: int = 0
    repeats: int = 0
    sessions: int = 0
    sessions_given_up: int = 0
    late_acknowledgements: int = 0


class Appender:
    """Appends records; one per process and event loop, shared by all tasks. An async context manager.

    ``max_in_flight`` bounds what is between encoding and acknowledgement, whether its caller still waits or not.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str = "ledger-appender",
        deadline_s: float = APPEND_DEADLINE_S,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self.counts = AppendCounts()
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._deadline_s = deadline_s
        self._request_timeout_s = request_timeout_s
        self._slots = asyncio.Semaphore(max_in_flight)
        self._session: Session | None = None
        self._connecting: asyncio.Task[Session] | None = None
        self._cause = "not connected"
        self._closing: set[asyncio.Future[Any]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def hold_to(self, deadline_s: float) -> None:
        """From now on every attempt is given up after ``deadline_s``, those under way included."""
        self._deadline_s = deadline_s
        if self._session is not None:
            self._session.hold_to(deadline_s)

    @property
    def in_flight(self) -> int:
        """Records between encoding and acknowledgement."""
        return self._session.in_flight if self._session is not None else 0

    async def append(
        self,
        topic: str,
        partition: int,
        key: bytes,
        make_value: Callable[[Attempt], bytes],
        *,
        timeout_s: float,
    ) -> Appended:
        """Append one record and return its place once every in-sync replica has it.

        ``make_value`` is called right before each attempt. Raises ``Unavailable(log_unavailable)`` after
        ``timeout_s``: the record may then be on the log or arrive within its deadline, so the same act must be sent
        again under the same event id as a possible repeat. Raises ``Unavailable(log_not_ready)`` when the topic or
        partition is not there, ``IntegrityViolation(log_create_time)`` when the topic keeps producers' times, and
        whatever ``make_value`` raises.
        """
        begun = seconds_since_boot()
        number, unknown_fate = 0, False
        try:
            async with asyncio.timeout(timeout_s) as scope:
                while True:
                    session = await self._ready(topic, partition)
                    number += 1
                    added_wait_ms = int((seconds_since_boot() - begun) * 1000)
                    value = self._made(make_value, Attempt(number, added_wait_ms, unknown_fate))
                    self.counts.repeats += unknown_fate
                    # From here on nobody knows, until an acknowledgement says so.
                    unknown_fate = True
                    acknowledged = await self._try(session, topic, partition, key, value)
                    if acknowledged is not None:
                        return self._appended(acknowledged)
        except TimeoutError as error:
            if not scope.expired():
                raise
            self.counts.unavailable += 1
            raise Unavailable(
                "log_unavailable",
                f"The log (Kafka) did not acknowledge within {timeout_s:g} s ({self._cause}).",
                may_be_on_the_log=unknown_fate,
                topic=topic,
                partition=partition,
            ) from error

    async def close(self) -> None:
        """Wait a few seconds for acknowledgements, then give up what is in flight and close every connection."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._session is not None:
            await self._session.drain(_CLOSE_TIMEOUT_S)
            await self._session.abort()
        await asyncio.gather(*self._closing)

    async def _ready(self, topic: str, partition: int) -> Session:
        """A session that knows the partition, with a slot taken for one record."""
        while True:
            session = await self._connected()
            try:
                if not await session.has_partition(topic, partition):
                    raise _not_ready(topic, partition)
            except UnknownTopicOrPartitionError as error:
                raise _not_ready(topic, partition) from error
            except KafkaError as error:
                self._give_up(session, error)
                continue
            await self._slots.acquire()
            if not session.aborted:
                return session
            self._slots.release()

    async def _connected(self) -> Session:
        if self._session is not None:
            if not self._session.aborted:
                return self._session
            self._note_abort(self._session)
        if self._closed:
            raise Unavailable("log_unavailable", "The appender is closed.")
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
        # Shared by all who wait; one caller's timeout must not end it for the others.
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> Session:
        """A new session, however long it takes: the appender comes back by itself when Kafka does."""
        backoff = _FIRST_BACKOFF_S
        try:
            while True:
                try:
                    session = await Session.open(
                        self._bootstrap,
                        client_id=self._client_id,
                        deadline_s=self._deadline_s,
                        request_timeout_s=self._request_timeout_s,
                        on_settled=self._slots.release,
                    )
                except (KafkaError, OSError, TimeoutError) as error:
                    self._cause = type(error).__name__
                    await asyncio.sleep(backoff)
                    backoff = min(2 * backoff, _LAST_BACKOFF_S)
                    continue
                session.hold_to(self._deadline_s)
                self._session = session
                self.counts.sessions += 1
                return session
        finally:
            self._connecting = None

    def _made(self, make_value: Callable[[Attempt], bytes], attempt: Attempt) -> bytes:
        try:
            return make_value(attempt)
        except BaseException:
            self._slots.release()
            raise

    async def _try(
        self, session: Session, topic: str, partition: int, key: bytes, value: bytes
    ) -> RecordMetadata | None:
        """The acknowledgement of one attempt, or None when its fate is unknown and it must be made anew."""
        encoded_at = seconds_since_boot()
        try:
            acknowledged = await session.send(topic, partition, key, value)
        except GivenUp:
            self._cause = "no acknowledgement within the deadline"
            self._note_abort(session)
            return None
        except MessageSizeTooLargeError as error:
            raise Rejected("record_too_large") from error
        except KafkaTimeoutError:
            # No room in the producer's batch for the length of a request: nothing was sent, and nothing is wrong.
            return None
        except KafkaError as error:
            # After any error the producer's sequence numbers may have a hole, which later records would fall into.
            self._give_up(session, error)
            return None
        if acknowledged.offset < 0 or acknowledged.log_start_offset == -1:
            # "Stored already", from a broker that has forgotten where: the record stands, its place is unknown.
            return None
        if seconds_since_boot() - encoded_at > self._deadline_s:
            # The process stood still between encoding and sending: the record is ranked by a time too late.
            self.counts.late_acknowledgements += 1
            _log.error("a record was acknowledged after its deadline: was the process suspended?")
        return acknowledged

    def _give_up(self, session: Session, error: KafkaError) -> None:
        self._cause = type(error).__name__
        if not session.aborted:
            _log.warning("the producer is given up after %s", self._cause)
            session.abort()
        self._note_abort(session)

    def _note_abort(self, session: Session) -> None:
        """Let go of an aborted session once, whoever finds it first, and keep its end for :meth:`close`."""
        if self._session is session:
            self._session = None
            self.counts.sessions_given_up += 1
            closing = session.abort()
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _appended(self, acknowledged: RecordMetadata) -> Appended:
        if acknowledged.timestamp_type != _LOG_APPEND_TIME:
            raise IntegrityViolation(
                "log_create_time", topic=acknowledged.topic, partition=acknowledged.partition
            )
        self.counts.acknowledged += 1
        return Appended(acknowledged.offset, acknowledged.timestamp, acknowledged.partition)


def _not_ready(topic: str, partition: int) -> Unavailable:
    return Unavailable(
        "log_not_ready", f"Kafka has no partition {partition} of {topic}.", topic=topic, partition=partition
    )
