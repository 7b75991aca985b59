"""Evidence in the reactions worker: a task that takes it out of its topics into the vault, and deletes behind itself.

The life of one record: read, opened, stored under its subject's key in one transaction of the vault; then the group's
position is committed, and within ten seconds the records before it are deleted (DeleteRecords, KIP-107). A crash in
between reads it again, which stores it once. The topics' retention of thirty days is only the outer bound: what it
deletes unread is lost, and counted (races.md, D29).
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

import faust
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from ledger.domain.envelope import GENESIS_KEY
from ledger.errors import Unavailable
from ledger.event_log.broker import administering
from ledger.event_log.topic_table import EVIDENCE_RETENTION_MS, EVIDENCE_TOPIC_PATTERN
from ledger.log_lines import get_logger
from ledger.metrics import EVIDENCE_LOST, EVIDENCE_RECORDS, EVIDENCE_WAIT
from ledger.read_model import pool, sql
from ledger.vault.controllers import Controller
from ledger.vault.evidence import Arrived, EvidenceStore, Outcome
from projections.reaction_parts import Opened, ReactionParts

__all__ = ["EvidenceReader", "register"]

GROUP: Final = "ledger-evidence"
SESSION_TIMEOUT_MS: Final = 6_000
HEARTBEAT_INTERVAL_MS: Final = 1_500
# A new controller's topic is found within this.
METADATA_MAX_AGE_MS: Final = 5_000
POLL_MS: Final = 500
BATCH_RECORDS: Final = 500
DELETE_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 1.0

_CONTROLLER: Final = re.compile(EVIDENCE_TOPIC_PATTERN)
_log = get_logger(__name__)


def register(app: faust.App, parts: ReactionParts) -> None:
    """Adds the task to the app, which shares ``parts`` with the other reactions."""

    async def take_evidence() -> None:
        while not app.should_stop:
            try:
                async with EvidenceReader(parts.settings.kafka_bootstrap, await parts.opened()) as reader:
                    while not app.should_stop:
                        await reader.take()
            except (Unavailable, KafkaError) as error:
                _log.warning("evidence_waits", error_type=type(error).__name__, seconds=AGAIN_SECONDS)
                await app.sleep(AGAIN_SECONDS)

    app.task(take_evidence)


class EvidenceReader(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the group over all evidence topics, from one outage to the next."""

    def __init__(self, bootstrap: str, opened: Opened) -> None:
        self._bootstrap = bootstrap
        self._connections = opened.connections
        self._store = EvidenceStore(opened.vault, opened.secrets)
        self._controllers: dict[str, Controller] = {}
        self._looked_at: set[TopicPartition] = set()
        self._to_delete: dict[TopicPartition, int] = {}
        self._delete_at = 0.0
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="ledger-evidence",
            group_id=GROUP,
            enable_auto_commit=False,
            # What was deleted behind the position is no loss, and what was deleted before it is counted.
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        self._consumer.subscribe(pattern=EVIDENCE_TOPIC_PATTERN, listener=self)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing: what is in hand is stored once, whoever stores it too."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Others may have read on meanwhile."""
        self._looked_at.clear()

    async def take(self) -> None:
        """One fetch: stored, committed, and now and then deleted. Raises ``Unavailable`` or an error of Kafka."""
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
        oldest_ms = min((records[0].timestamp for records in fetched.values() if records), default=None)
        EVIDENCE_WAIT.set(0 if oldest_ms is None else max(0.0, time.time() - oldest_ms / 1000))
        for place, records in fetched.items():
            if records:
                await self._take_batch(place, records)
        await self._delete_behind()

    async def _take_batch(self, place: TopicPartition, records: Sequence[Any]) -> None:
        await self._look_for_loss(place, records[0].offset)
        controller = await self._controller(place.topic)
        evidence = [record for record in records if record.key != GENESIS_KEY]
        if controller is None:
            outcomes = Counter({Outcome.UNREADABLE: len(evidence)})
        else:
            arrived = [Arrived(one.key or b"", one.value or b"", one.timestamp) for one in evidence]
            outcomes = await self._store.store(controller, arrived)
        next_offset = records[-1].offset + 1
        await self._consumer.commit({place: next_offset})
        self._to_delete[place] = next_offset
        self._tell(place, records[0], outcomes)

    async def _look_for_loss(self, place: TopicPartition, first_offset: int) -> None:
        """Counts what the retention deleted before anybody read it; looked at once each time that the group gives us
        the partition, since from then on we read without a gap."""
        if place in self._looked_at:
            return
        committed = await self._consumer.committed(place)
        lost = first_offset - (committed or 0)
        if lost > 0:
            EVIDENCE_LOST.inc(lost)
            _log.error(
                "evidence_lost", topic=place.topic, partition=place.partition, offset=first_offset, count=lost
            )
        self._looked_at.add(place)

    async def _controller(self, topic: str) -> Controller | None:
        match = _CONTROLLER.fullmatch(topic)
        name = match["controller"] if match else ""
        if name not in self._controllers:
            async with pool.borrowed(self._connections) as connection:
                found = await connection.fetchval(sql.load("controller_id"), name)
            if found is None:
                return None
            self._controllers[name] = Controller(found, name)
        return self._controllers[name]

    def _tell(self, place: TopicPartition, first: Any, outcomes: Counter[Outcome]) -> None:
        for outcome, count in outcomes.items():
            EVIDENCE_RECORDS.labels(outcome=outcome.value).inc(count)
        if outcomes[Outcome.UNREADABLE]:
            _log.warning(
                "evidence_unreadable",
                code="evidence_unreadable",
                topic=place.topic,
                partition=place.partition,
                offset=first.offset,
                count=outcomes[Outcome.UNREADABLE],
            )
        if time.time() * 1000 - first.timestamp > EVIDENCE_RETENTION_MS / 2:
            _log.error("evidence_was_late", topic=place.topic, partition=place.partition, offset=first.offset)

    async def _delete_behind(self) -> None:
        """Deletes what is stored. Best effort: what an outage leaves is deleted with the next, or by the retention."""
        if not self._to_delete or time.monotonic() < self._delete_at:
            return
        self._delete_at = time.monotonic() + DELETE_SECONDS
        try:
            async with administering(self._bootstrap) as admin:
                for place, offset in tuple(self._to_delete.items()):
                    # One by one: a partition without a leader must not keep the others' records.
                    await self._delete(admin, place, offset)
        except Unavailable as error:
            _log.warning("evidence_not_deleted", code=error.code, count=len(self._to_delete))

    async def _delete(self, admin: AIOKafkaAdminClient, place: TopicPartition, offset: int) -> None:
        try:
            await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
        except KafkaError as error:
            _log.warning(
                "evidence_not_deleted",
                error_type=type(error).__name__,
                topic=place.topic,
                partition=place.partition,
            )
        else:
            del self._to_delete[place]
