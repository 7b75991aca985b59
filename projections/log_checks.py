"""Whether a topic partition is the log that it claims to be: its genesis at offset 0, its length, its last record.

Kafka's own topic ids cannot be had through aiokafka and do not survive a copy, so the log carries its own identity
(races.md, D28). Nothing is ever skipped: what does not fit is refused, with a code.
"""

import asyncio
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.domain.events import Lane, LogGenesis
from ledger.errors import IntegrityViolation, Unavailable
from ledger.event_log.broker import translated
from ledger.event_log.genesis import read_genesis
from ledger.read_model.folding.records import Progress, record_digest

__all__ = ["LOG_APPEND_TIME", "Genesis", "LogProbe"]

LOG_APPEND_TIME: Final = 1
READ_TIMEOUT_SECONDS: Final = 5.0
FETCH_MAX_WAIT_MS: Final = 2
REQUEST_TIMEOUT_MS: Final = 5_000


class Genesis(NamedTuple):
    """The record at offset 0, with its digest and broker time: of its origin, if ``is_copied``."""

    event: LogGenesis
    digest: bytes
    broker_ms: int
    is_copied: bool


class LogProbe:
    """Reads single records of any partition, with a consumer that belongs to no group."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._lock = asyncio.Lock()
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            # A fetch that waits holds up the next question to the same broker; between questions all is paused.
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        )

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()

    async def topics(self) -> frozenset[str]:
        """Every topic there is."""
        with translated():
            return frozenset(await asyncio.wait_for(self._consumer.topics(), READ_TIMEOUT_SECONDS))

    async def genesis(self, at: TopicPartition, controller: str, lane: Lane) -> Genesis:
        """The genesis record of this partition of the controller's lane.

        Raises ``IntegrityViolation``: ``log_truncated`` when offset 0 is gone, ``log_foreign`` when it holds anything
        else; ``Unavailable``: ``log_not_ready`` when there is no record at all yet, ``log_unavailable`` when Kafka
        does not answer. Whether a log may be a copy, the control tables know and not this.
        """
        async with self._lock:
            self._consumer.assign([at])
            try:
                found = await read_genesis(self._consumer, at.topic, at.partition, may_be_copied=True)
            finally:
                self._consumer.pause(at)
        if found is None:
            raise Unavailable("log_not_ready", topic=at.topic, partition=at.partition)
        event = found.genesis
        if (event.controller, event.lane, event.partition) != (controller, lane, at.partition):
            raise _violation("log_foreign", at)
        digest = record_digest(found.key, found.value, found.broker_ms)
        return Genesis(event, digest, found.broker_ms, found.is_copied)

    async def continues(self, at: TopicPartition, progress: Progress) -> None:
        """Nothing, if the partition still holds what was folded from it; else ``IntegrityViolation``.

        ``log_truncated`` when it ends before the position, ``log_diverged`` when the record before the position is
        not the one that was folded last.
        """
        begin, end = await self._ends(at)
        if not begin <= progress.next_offset <= end:
            raise _violation("log_truncated", at, next_offset=progress.next_offset, end_offset=end)
        record = await self.record(at, progress.next_offset - 1)
        if (
            record is None
            or record_digest(record.key, record.value, record.timestamp) != progress.last_digest
        ):
            raise _violation("log_diverged", at, next_offset=progress.next_offset)

    async def _ends(self, at: TopicPartition) -> tuple[int, int]:
        with translated():
            begin = await self._consumer.beginning_offsets([at])
            end = await self._consumer.end_offsets([at])
        return int(begin[at]), int(end[at])

    async def record(self, at: TopicPartition, offset: int) -> ConsumerRecord | None:
        """The record at ``offset``, or None when the partition does not have it any more; else ``Unavailable``."""
        async with self._lock:
            self._consumer.assign([at])
            self._consumer.seek(at, offset)
            timeout_ms = int(READ_TIMEOUT_SECONDS * 1000)
            try:
                with translated():
                    found = await self._consumer.getmany(at, timeout_ms=timeout_ms, max_records=1)
            except Unavailable as error:
                if isinstance(error.__cause__, OffsetOutOfRangeError):
                    return None
                raise
            finally:
                self._consumer.pause(at)
        records = found.get(at, [])
        if not records:
            raise Unavailable("log_unavailable", topic=at.topic, partition=at.partition)
        return records[0] if records[0].offset == offset else None


def _violation(code: str, at: TopicPartition, **context: int) -> IntegrityViolation:
    named: dict[str, Any] = {"topic": at.topic, "partition": at.partition, **context}
    return IntegrityViolation(code, **named)
