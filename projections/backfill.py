"""Records of the backfill lane, held back until the live lane has passed them by.

What an import wrote may be allowed only by what the live lane knew at that time: a suppression stands there before
the import's first grant (races.md, D22 and D23). So records are fetched here, *then* the ends of their live twins are
asked for, and they are handed out only once the live position has reached those ends. Fetching and asking go on while
the live lane is folded; nothing here ever waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from ledger.errors import IntegrityViolation
from ledger.log_lines import get_logger
from projections.log_checks import LOG_APPEND_TIME

__all__ = ["Backfill", "Fetched", "backfill_consumer", "refuse_create_time"]

# One question about ends serves so many records.
FETCH_RECORDS: Final = 1_000
# So many wait here at most, beside what the client has fetched ahead.
MAX_WAITING: Final = 2 * FETCH_RECORDS
# Nobody waits for an import by the millisecond, and an idle partition costs a request each time.
FETCH_MAX_WAIT_MS: Final = 250
FETCH_MAX_BYTES: Final = 4 * 2**20
PARTITION_FETCH_BYTES: Final = 2**20
ASK_AGAIN_SECONDS: Final = 1.0

_log = get_logger(__name__)

Fetched = Mapping[TopicPartition, Sequence[ConsumerRecord]]
Ends = Callable[[Iterable[TopicPartition]], Coroutine[Any, Any, Mapping[TopicPartition, int]]]


class _Waiting(NamedTuple):
    """Records of one partition, which may be folded once the live twin is folded up to ``live_end``."""

    records: Sequence[ConsumerRecord]
    live_end: int


class Backfill:
    """The backfill partitions of one worker, read through a consumer of its own (:func:`backfill_consumer`).

    ``ends`` asks the log for the ends of live partitions. ``copied_below`` is read whenever records come: up to which offset each partition was copied from elsewhere.
    """

    def __init__(self, consumer: Any, ends: Ends, copied_below: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._ends = ends
        self._copied_below = copied_below
        self._twins: dict[TopicPartition, TopicPartition] = {}
        self._waiting: dict[TopicPartition, deque[_Waiting]] = {}
        self._fetched: Fetched = {}
        self._asking: asyncio.Task[Mapping[TopicPartition, int] | None] | None = None

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._forget()
        await self._consumer.stop()

    async def assign(
        self, offsets: Mapping[TopicPartition, int], twins: Mapping[TopicPartition, TopicPartition]
    ) -> None:
        """Reads these partitions from these offsets and forgets everything else. ``twins``: the live one of each."""
        await self._forget()
        self._twins = dict(twins)
        self._consumer.assign(list(offsets))
        for at, offset in offsets.items():
            self._consumer.seek(at, offset)

    async def look(self) -> None:
        """Takes in what has arrived, and asks for the live ends of it; comes back at once.

        Raises ``IntegrityViolation(log_create_time)``, and ``OffsetOutOfRangeError`` when the log lacks a position.
        """
        self._take_answer()
        if self._asking is None and self._fetched:
            self._ask()
        if self._fetched or not self._twins or self._count() >= MAX_WAITING:
            return
        fetched: Fetched = await self._consumer.getmany(timeout_ms=0, max_records=FETCH_RECORDS)
        refuse_create_time(fetched, self._copied_below)
        if fetched:
            self._fetched = fetched
            # Not before: an end that was read earlier says nothing about what stands before these records.
            self._ask()

    def is_open(self, reached: Mapping[TopicPartition, int]) -> bool:
        """Whether any record may be folded now, given how far live partitions are committed."""
        return any(self._may_go(at, reached) for at in self._waiting)

    @property
    def is_asking(self) -> bool:
        """Whether records wait for nothing but an answer of the log."""
        return bool(self._fetched)

    def take(self, reached: Mapping[TopicPartition, int], limit: int) -> Fetched:
        """At most ``limit`` records that may be folded now, of the partition that waits longest, and they are gone."""
        at = next((at for at in self._waiting if self._may_go(at, reached)), None)
        if at is None:
            return {}
        first = self._waiting[at].popleft()
        taken, left = first.records[:limit], first.records[limit:]
        if left:
            self._waiting[at].appendleft(_Waiting(left, first.live_end))
        # To the end of the line, so that one large partition does not keep the others waiting.
        line = self._waiting.pop(at)
        if line:
            self._waiting[at] = line
        return {at: taken}

    def _may_go(self, at: TopicPartition, reached: Mapping[TopicPartition, int]) -> bool:
        live = reached.get(self._twins[at])
        # A twin that is not folded here says nothing, so its backfill waits.
        return live is not None and live >= self._waiting[at][0].live_end

    def _ask(self) -> None:
        live = [self._twins[at] for at in self._fetched]
        self._asking = asyncio.create_task(self._answer(live), name="fold-backfill-ends")

    async def _answer(self, live: Sequence[TopicPartition]) -> Mapping[TopicPartition, int] | None:
        try:
            return await self._ends(live)
        except KafkaError as error:
            _log.warning("backfill_waits", projection="fold", error_type=type(error).__name__)
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            return None

    def _take_answer(self) -> None:
        if self._asking is None or not self._asking.done():
            return
        ends, self._asking = self._asking.result(), None
        if ends is None:
            return
        for at, records in self._fetched.items():
            self._waiting.setdefault(at, deque()).append(_Waiting(records, ends[self._twins[at]]))
        self._fetched = {}

    def _count(self) -> int:
        return sum(len(waiting.records) for line in self._waiting.values() for waiting in line)

    async def _forget(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self._asking = None
        self._fetched = {}
        self._waiting = {}


def backfill_consumer(bootstrap: str, client_id: str) -> Any:
    """A consumer without a group, not started: one of its own, so that no import stands before a live fetch."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        # A position that the log does not have is an error, never a jump.
        auto_offset_reset="none",
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        fetch_max_bytes=FETCH_MAX_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
    )


def refuse_create_time(fetched: Fetched, copied_below: Mapping[TopicPartition, int]) -> None:
    """Raises ``IntegrityViolation(log_create_time)`` for records with a producer's time: ranks rest on the broker's.

    Below ``copied_below`` a partition is an exact copy, and those times are the ones of the broker it came from.
    """
    for at, records in fetched.items():
        below = copied_below.get(at, 0)
        if any(record.timestamp_type != LOG_APPEND_TIME and record.offset >= below for record in records):
            raise IntegrityViolation("log_create_time", topic=at.topic, partition=at.partition)
