"""Where a replay takes the log's records from: Kafka, or the files of an export. The rest of a replay is the same."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from aiokafka import TopicPartition

from ledger.audit.scratch import LivePosition
from ledger.domain.events import GENESIS_KEY, LogGenesis
from ledger.domain.log_records import RawRecord
from ledger.errors import IntegrityViolation, MalformedRecord
from ledger.event_log import codec
from ledger.event_log.archive_files import Entry, entries_of
from ledger.event_log.archive_form import Manifest
from ledger.event_log.broker import reading
from ledger.event_log.genesis import GenesisRecord, read_genesis
from ledger.event_log.scanning import scan

__all__ = ["ArchiveRecords", "KafkaRecords", "RecordSource"]

BATCH_RECORDS: Final = 2_000


class RecordSource(Protocol):
    """The records of the partitions that a read model was folded from."""

    async def genesis(self, live: LivePosition) -> GenesisRecord | None:
        """The record at offset 0, or None where there is no record."""
        ...

    def records(self, live: LivePosition, start: int) -> AsyncIterator[Sequence[RawRecord]]:
        """The records from ``start`` up to the position, in order, in lists of bounded length.

        Raises ``IntegrityViolation(log_truncated)`` when the partition lacks some at either end.
        """
        ...


class KafkaRecords:
    """The log itself."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def genesis(self, live: LivePosition) -> GenesisRecord | None:
        async with reading(self._bootstrap) as consumer:
            consumer.assign([TopicPartition(live.topic, live.partition)])
            return await read_genesis(consumer, live.topic, live.partition, may_be_copied=True)

    async def records(self, live: LivePosition, start: int) -> AsyncIterator[Sequence[RawRecord]]:
        scanned: Any = scan(self._bootstrap, live.topic, live.partition, start, live.next_offset)
        async with aclosing(scanned) as batches:
            async for batch in batches:
                for first in range(0, len(batch), BATCH_RECORDS):
                    yield batch[first : first + BATCH_RECORDS]


class ArchiveRecords:
    """The files of an export, whose soundness the caller has verified."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest

    async def genesis(self, live: LivePosition) -> GenesisRecord | None:
        first = next(entries_of(self._folder, self._manifest, live.lane, live.partition, 0, 1), None)
        if first is None:
            return None
        try:
            event = codec.decode(first.value or b"")
        except MalformedRecord as error:
            raise IntegrityViolation("log_foreign", topic=live.topic, partition=live.partition) from error
        if not isinstance(event, LogGenesis) or first.key != GENESIS_KEY or first.value is None:
            raise IntegrityViolation("log_foreign", topic=live.topic, partition=live.partition)
        return GenesisRecord(genesis=event, key=first.key, value=first.value, broker_ms=first.timestamp)

    async def records(self, live: LivePosition, start: int) -> AsyncIterator[Sequence[RawRecord]]:
        end = self._manifest.next_offset(live.lane, live.partition)
        if end < live.next_offset:
            raise IntegrityViolation(
                "log_truncated",
                f"The export of {live.topic}, partition {live.partition}, ends at offset {end}.",
            )
        entries = entries_of(self._folder, self._manifest, live.lane, live.partition, start, live.next_offset)
        for batch in _batches(entries):
            yield batch


def _batches(entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
    found = iter(entries)
    while batch := list(islice(found, BATCH_RECORDS)):
        yield batch
