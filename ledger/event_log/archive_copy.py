"""Brings the records of an export back onto topics as an exact copy: same partition, offset, time, key and value.

Kafka numbers the records of a partition itself, without holes, so records that are written in order to an empty
partition get the offsets they had. While a topic is being filled it takes times from producers
(``message.timestamp.type=CreateTime``, KIP-32): with the broker's own, every withdrawal would become later than every
grant (races.md, D28). Afterwards it is switched to ``LogAppendTime`` like every topic of the ledger.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer

from ledger.domain.events import Lane
from ledger.domain.log_records import record_digest
from ledger.errors import IntegrityViolation
from ledger.event_log.archive_files import Entry, entries_of
from ledger.event_log.archive_form import Manifest
from ledger.event_log.broker import REQUEST_TIMEOUT_S, translated
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name

__all__ = ["COPY_SETTINGS", "Copied", "compare_partition", "copy_partition", "copying"]

COPY_SETTINGS: Final = {"message.timestamp.type": "CreateTime"}
"""What a topic is made with, beside the settings of the table, while records are copied onto it."""

BATCH_BYTES: Final = 524_288
IN_FLIGHT: Final = 12
_CREATE_TIME: Final = 0

Copied = Callable[[int], None]
"""Called with a number of records that were just written or compared."""


class _Sent(NamedTuple):
    """A batch on its way, and the offset that its first record must get."""

    first_offset: int
    records: int
    acknowledged: "asyncio.Future[Any]"


@asynccontextmanager
async def copying(bootstrap: str) -> AsyncIterator[Any]:
    """A producer for :func:`copy_partition`: idempotent, acknowledged by every replica in sync, errors translated."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="ledger-log-import",
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
    )
    with translated():
        try:
            await producer.start()
            yield producer
        finally:
            await producer.stop()


async def copy_partition(
    producer: Any, folder: Path, manifest: Manifest, lane: Lane, partition: int, start: int, copied: Copied
) -> None:
    """Appends the records from ``start`` on, where the partition must end; durable on return.

    Raises ``IntegrityViolation(import_target_moved)`` when a record gets another offset than it had, because somebody
    else writes to the topic, or ``(import_time_not_kept)`` when the topic does not take its time.
    """
    topic = topic_name(manifest.controller, lane)
    sent: deque[_Sent] = deque()
    entries = entries_of(folder, manifest, lane, partition, start)
    first_offset = start
    for batch, count in _batches(producer, entries):
        acknowledged = await producer.send_batch(batch, topic, partition=partition)
        sent.append(_Sent(first_offset, count, acknowledged))
        first_offset += count
        if len(sent) >= IN_FLIGHT:
            await _settle(sent.popleft(), topic, partition, copied)
    while sent:
        await _settle(sent.popleft(), topic, partition, copied)


async def compare_partition(
    bootstrap: str,
    folder: Path,
    manifest: Manifest,
    lane: Lane,
    partition: int,
    start: int,
    end: int,
    compared: Copied,
) -> None:
    """Reads ``[start, end)`` back and holds it against the files, record by record.

    Raises ``IntegrityViolation(import_target_differs)`` at the first record that is another one, ``(log_truncated)``
    when some are missing.
    """
    topic = topic_name(manifest.controller, lane)
    scanned: Any = scan(bootstrap, topic, partition, start, end)
    entries = entries_of(folder, manifest, lane, partition, start, end)
    async with aclosing(scanned) as batches:
        async for records in batches:
            _compare(topic, partition, records, list(islice(entries, len(records))))
            compared(len(records))


def _compare(topic: str, partition: int, records: Sequence[Any], entries: Sequence[Entry]) -> None:
    for place, record in enumerate(records):
        entry = entries[place] if place < len(entries) else None
        if entry is None or (entry.offset, _digest(entry)) != (record.offset, _digest(record)):
            raise IntegrityViolation(
                "import_target_differs",
                f"{topic}, partition {partition}, holds another record at offset {record.offset} than the export.",
                topic=topic,
                partition=partition,
            )


def _digest(record: Any) -> bytes:
    return record_digest(record.key, record.value, record.timestamp)


def _batches(producer: Any, entries: Iterator[Entry]) -> Iterator[tuple[Any, int]]:
    """Record batches with their times, built by hand: four times as fast as a future for each record."""
    batch = producer.create_batch()
    for entry in entries:
        if batch.append(key=entry.key, value=entry.value, timestamp=entry.timestamp) is None:
            yield batch, batch.record_count()
            batch = producer.create_batch()
            batch.append(key=entry.key, value=entry.value, timestamp=entry.timestamp)
    if batch.record_count():
        yield batch, batch.record_count()


async def _settle(sent: _Sent, topic: str, partition: int, copied: Copied) -> None:
    where = await sent.acknowledged
    if where.offset != sent.first_offset:
        raise IntegrityViolation(
            "import_target_moved",
            f"{topic}, partition {partition}: the record of offset {sent.first_offset} got offset {where.offset}.",
            topic=topic,
            partition=partition,
        )
    if where.timestamp_type != _CREATE_TIME:
        raise IntegrityViolation(
            "import_time_not_kept",
            f"{topic}, partition {partition}, gave the records its own time.",
            topic=topic,
            partition=partition,
        )
    copied(sent.records)
