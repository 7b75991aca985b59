"""Records whose schema was unknown when they were folded, and is not any more: admitted without anybody asking.

A worker of a newer version that takes up a partition looks which open entries it can read by now, and appends a
``QuarantineAdmitted`` for each. Its event id follows from the record's coordinates, so what two workers append is one
event and a repeat. The admission is folded like any other; nothing is decided here.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import TopicPartition

from ledger.domain.events import Capture, Envelope, Lane, QuarantineAdmitted, RecordPlace, Voice
from ledger.errors import LedgerError, Unavailable
from ledger.event_log import codec, schemas
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appender, Attempt
from ledger.event_log.topic_table import topic_name
from ledger.log_lines import get_logger
from ledger.read_model import pool, sql
from ledger.read_model.folding.records import Partition, Place
from ledger.read_model.folding.resolving import Entry, entries_at, judge_again
from projections.held import Held
from projections.log_checks import LogProbe

__all__ = ["AUTHOR", "REASON", "KnownSchemas", "admission_id"]

AUTHOR: Final = "ledger-fold"
REASON: Final = "schema_known"
# Of one partition, at one claim; the next start goes on where this one ended.
MAX_ENTRIES: Final = 10_000
LOOKED_UP_AT_ONCE: Final = 500
APPEND_TIMEOUT_SECONDS: Final = 60.0
AGAIN_AFTER_SECONDS: Final = 5.0
_DOMAIN: Final = b"consent-ledger admission of a known schema v1"
_LANES: Final = (Lane.LIVE, Lane.BACKFILL)

_log = get_logger(__name__)


class _Task(NamedTuple):
    partition: Partition
    entry: Entry


class KnownSchemas:
    """Looks on the writer's connection when partitions are claimed; reads and appends beside the fold."""

    def __init__(self, bootstrap: str, probe: LogProbe) -> None:
        self._bootstrap = bootstrap
        self._probe = probe
        self._tasks: deque[_Task] = deque()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Nothing yet: most workers never find anything to do."""

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def check(self) -> None:
        """Raises what ended the work, if anything that nobody foresaw did."""
        if self._running is not None and self._running.done():
            self._running.result()

    async def look(self, connection: Any, found: Iterable[Held]) -> None:
        """Notes the open entries of these partitions that this version can read. Nothing may be in flight."""
        known = list(schemas.load().by_fingerprint)
        for held in found:
            partition = held.partition
            if partition.lane not in _LANES:
                continue
            with pool.translated():
                rows = await connection.fetch(
                    sql.load("quarantine_known_schemas"),
                    partition.controller_id,
                    partition.generation,
                    partition.lane.number,
                    partition.partition,
                    known,
                    MAX_ENTRIES,
                )
            places = [
                Place(partition.generation, partition.lane.number, partition.partition, row["offset"])
                for row in rows
            ]
            for start in range(0, len(places), LOOKED_UP_AT_ONCE):
                some = places[start : start + LOOKED_UP_AT_ONCE]
                entries = await entries_at(connection, partition.controller_id, some)
                self._tasks.extend(_Task(partition, entry) for entry in entries.values())
        if self._tasks and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._run(), name="fold-known-schemas")

    async def _run(self) -> None:
        async with Appender(self._bootstrap, client_id="ledger-fold-admissions") as appender:
            while self._tasks:
                try:
                    await self._admit(appender, self._tasks[0])
                except Unavailable as error:
                    _log.warning("admissions_wait", projection="fold", code=error.code)
                    await asyncio.sleep(AGAIN_AFTER_SECONDS)
                    continue
                except LedgerError as error:
                    # One entry that stays open must not keep the others open.
                    _log.error("record_not_admitted", projection="fold", code=error.code)
                self._tasks.popleft()

    async def _admit(self, appender: Appender, task: _Task) -> None:
        partition, entry = task
        at = TopicPartition(topic_name(partition.controller, entry.lane), entry.partition)
        record = await self._probe.record(at, entry.offset)
        _, reason = judge_again(entry, record, partition.controller, codec.decode)
        if reason is not None or entry.subject_id is None:
            _log.warning("record_not_admitted", lane=entry.lane.value, partition=entry.partition,
                         offset=entry.offset, reason=reason)  # fmt: skip
            return
        event = _admission(partition, entry)

        def value(attempt: Attempt) -> bytes:
            envelope = msgspec.structs.replace(event.envelope, waited_ms=attempt.added_wait_ms)
            return codec.encode(msgspec.structs.replace(event, envelope=envelope))

        await appender.append(
            topic_name(partition.controller, Lane.LIVE),
            partition_of(entry.subject_id, partition.partitions),
            entry.subject_id,
            value,
            timeout_s=APPEND_TIMEOUT_SECONDS,
        )


def admission_id(partition: Partition, entry: Entry) -> bytes:
    """The event id of the admission: the same from every worker, another after one that came to nothing."""
    coordinates = (entry.generation, entry.lane.number, entry.partition, entry.offset)
    said = msgspec.msgpack.encode((partition.log_id, *coordinates, len(entry.refused_admissions)))
    return hashlib.sha256(_DOMAIN + said).digest()[:16]


def _admission(partition: Partition, entry: Entry) -> QuarantineAdmitted:
    event_id = admission_id(partition, entry)
    return QuarantineAdmitted(
        envelope=Envelope(
            event_id=event_id,
            act_id=event_id,
            controller=partition.controller,
            source=AUTHOR,
            voice=Voice.CONTROLLER,
            capture=Capture.SYSTEM,
            waited_ms=0,
            may_be_repeat=True,
        ),
        record=RecordPlace(
            log_id=partition.log_id,
            generation=entry.generation,
            lane=entry.lane,
            partition=entry.partition,
            offset=entry.offset,
        ),
        author=AUTHOR,
        reason=REASON,
    )
