"""Who *should* own which partitions: a member of the consumer group over the live topics, which reads nothing.

Postgres says who *does* own them (:mod:`projections.ownership`). Nothing is read through this consumer, so a stale
or wrong assignment costs a claim and never a record.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from ledger.domain.events import Lane
from ledger.event_log.topic_table import LIVE_TOPIC_PATTERN, topic_name
from ledger.log_lines import get_logger

__all__ = ["Membership", "group_id", "live_topics"]

DEFAULT_GROUP: Final = "ledger-fold"
# A frozen worker is taken for dead after this; the lowest that Kafka allows without changing the broker.
SESSION_TIMEOUT_MS: Final = 6_000
HEARTBEAT_INTERVAL_MS: Final = 1_500
# A new controller's topics are found within this.
METADATA_MAX_AGE_MS: Final = 5_000
POLL_MS: Final = 500
LAG_SECONDS: Final = 5.0

_log = get_logger(__name__)


def live_topics(controllers: Sequence[str]) -> str:
    """The pattern of the live topics of ``controllers``, or of all there are."""
    if not controllers:
        return LIVE_TOPIC_PATTERN
    names = "|".join(re.escape(topic_name(name, Lane.LIVE)) for name in controllers)
    return f"^({names})$"


def group_id(controllers: Sequence[str]) -> str:
    """The group of the workers that fold the same controllers: they share the partitions among them."""
    return ".".join((DEFAULT_GROUP, *sorted(controllers)))


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """This worker's place in the group. ``wanted`` is what the group gave it last; ``turn`` grows with each change."""

    def __init__(
        self,
        bootstrap: str,
        controllers: Sequence[str],
        client_id: str,
        reached: Callable[[], Mapping[TopicPartition, int]],
    ) -> None:
        self.wanted: frozenset[TopicPartition] = frozenset()
        self.turn = 0
        self._reached = reached
        self._pattern = live_topics(controllers)
        self._polling: asyncio.Task[None] | None = None
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            group_id=group_id(controllers),
            enable_auto_commit=False,
            # Never read: partitions are paused, and positions are in Postgres.
            auto_offset_reset="latest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            max_partition_fetch_bytes=1_024,
        )

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.subscribe(pattern=self._pattern, listener=self)
        self._polling = asyncio.create_task(self._poll(), name="fold-membership")

    async def stop(self) -> None:
        """Leaves the group, so that others get the partitions at once."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await self._consumer.stop()

    def check(self) -> None:
        """Raises what ended the polling, if anything did."""
        if self._polling is not None and self._polling.done():
            self._polling.result()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing yet: most partitions come straight back, and until then Postgres keeps others out."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Takes note, and pauses everything: the records are read by hand, by the consumer that owns them."""
        partitions = frozenset(assigned)
        self._consumer.pause(*partitions)
        self.wanted = partitions
        self.turn += 1
        _log.info("partitions_assigned", projection="fold", count=len(partitions))

    async def _poll(self) -> None:
        # Tells the group that this process is alive, not only its heartbeat task.
        due = 0.0
        while True:
            await self._consumer.getmany(timeout_ms=POLL_MS)
            if time.monotonic() >= due:
                due = time.monotonic() + LAG_SECONDS
                await self._show_lag()

    async def _show_lag(self) -> None:
        """Commits positions for those who watch lag with Kafka's tools. Best effort, and never read back."""
        assigned = self._consumer.assignment()
        offsets = {at: offset for at, offset in self._reached().items() if at in assigned}
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (KafkaError, IllegalStateError) as error:
            _log.debug("lag_not_shown", error_type=type(error).__name__)
