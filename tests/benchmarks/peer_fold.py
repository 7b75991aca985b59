"""The peer of the fold: the pipeline that somebody would write by hand in an afternoon.

aiokafka, fastavro, ``COPY`` into history, ``COPY`` into a temporary table and ``ON CONFLICT`` into standing, the last
record wins; positions in the same transaction. No stamps, no ranks, no checks, no digests, no repeats, no
quarantine, no owner, one batch after the other. Run as ``python -m tests.benchmarks.peer_fold <settings as JSON>``.
"""

import asyncio
import hashlib
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from fastavro import schemaless_reader

from ledger.event_log import schemas

__all__ = ["BATCH_RECORDS", "Settings", "query"]

BATCH_RECORDS: Final = 2_000
_HEADER_BYTES: Final = 10
_HISTORY: Final = (
    "controller_id", "generation", "lane", "partition", "offset", "subject_id", "event_id", "act_id", "event_type",
    "schema_fp", "broker_ms", "stamp_ms", "clock_floor_ms", "effective_from_ms", "outcome", "body",
)  # fmt: skip
_STANDING: Final = (
    "controller_id", "subject_id", "row_key", "shape", "voice", "kind", "purpose", "purpose_group", "channel",
    "recipient", "item", "category", "instance", "value", "rank_ms", "rank_seq", "event_id", "generation", "lane",
    "partition", "offset", "effective_from_ms", "until_ms", "notice", "verified", "capture", "stamp_ms", "waited_ms",
)  # fmt: skip
_SHAPES: Final = {
    "ConsentGiven": ("yes", "consent", "granted"),
    "ConsentRefused": ("no", "consent", "refused"),
    "ConsentWithdrawn": ("no", "consent", "withdrawn"),
    "PreferenceSet": ("no", "preference", "opted_out"),
    "ObjectionRaised": ("episode", "objection", "objected"),
    "NoticeServed": ("remark", "notice_served", "served"),
}
_SCHEMAS: Final = {
    mark: (schema.event_type.__name__, schema.parsed)
    for mark, schema in schemas.load().by_fingerprint.items()
}
_NO_SCOPE: Final = dict.fromkeys(("purpose", "purpose_group", "channel", "recipient", "item", "category"))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one run reads and writes: it ends when ``records`` are written."""

    bootstrap: str
    dsn: str
    topic: str
    partitions: int
    records: int


def query(name: str) -> str:
    """A statement of the peer, by name."""
    return Path(__file__).with_name("sql").joinpath(f"{name}.sql").read_text(encoding="utf-8")


class Batch:
    """Rows of one transaction, in the order of the columns."""

    def __init__(self) -> None:
        self.history: list[tuple[Any, ...]] = []
        self.standing: dict[tuple[bytes, bytes], tuple[Any, ...]] = {}

    def take(self, record: Any) -> None:
        name, parsed = _SCHEMAS[record.value[2:_HEADER_BYTES]]
        event: Any = schemaless_reader(BytesIO(record.value[_HEADER_BYTES:]), parsed, None)
        envelope = event["envelope"]
        self.history.append(
            (
                1, 1, 0, record.partition, record.offset, record.key, envelope["event_id"], envelope["act_id"], name,
                record.value[2:_HEADER_BYTES], record.timestamp, record.timestamp, 0, envelope["effective_from"],
                "counted", record.value,
            )
        )  # fmt: skip
        scope = event.get("scope") or _NO_SCOPE
        shape, kind, value = _SHAPES[name]
        if event.get("direction") == "in":
            shape, value = "yes", "opted_in"
        instance = event.get("notice") or ""
        fields = (
            shape, envelope["voice"], kind, scope["purpose"] or "", scope["purpose_group"] or "",
            scope["channel"] or "", scope["recipient"] or "", scope["item"] or "", scope["category"] or "", instance,
        )  # fmt: skip
        row_key = _row_key(fields)
        self.standing[record.key, row_key] = (
            1, record.key, row_key, *fields, value, record.timestamp, 0, envelope["event_id"], 1, 0, record.partition,
            record.offset, envelope["effective_from"], event.get("expires_at"), event.get("notice"), False,
            envelope["capture"], record.timestamp, envelope["waited_ms"],
        )  # fmt: skip


_keys: dict[tuple[str, ...], bytes] = {}


def _row_key(fields: tuple[str, ...]) -> bytes:
    key = _keys.get(fields)
    if key is None:
        key = _keys[fields] = hashlib.md5("|".join(fields).encode(), usedforsecurity=False).digest()
    return key


async def fold(settings: Settings) -> None:
    """Reads the topic from offset 1 and writes until everything is written."""
    connection = await asyncpg.connect(settings.dsn, server_settings={"application_name": "bench-peer"})
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )
    await connection.execute(query("peer_batch_table"))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
        fetch_max_wait_ms=20, fetch_max_bytes=16 * 2**20, max_partition_fetch_bytes=2 * 2**20,
    )  # fmt: skip
    await consumer.start()
    places = [TopicPartition(settings.topic, number) for number in range(settings.partitions)]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 1)
    written = 0
    while written < settings.records:
        fetched = await consumer.getmany(timeout_ms=50, max_records=BATCH_RECORDS)
        if fetched:
            written += await _write(connection, fetched)
    # Stays until standard input is closed, so that its CPU and its backend's can still be read.
    await asyncio.to_thread(sys.stdin.read)
    await consumer.stop()
    await connection.close()


async def _write(connection: Any, fetched: Mapping[TopicPartition, Sequence[Any]]) -> int:
    batch = Batch()
    for records in fetched.values():
        for record in records:
            batch.take(record)
    async with connection.transaction():
        await connection.copy_records_to_table(
            "history", schema_name="peer", records=batch.history, columns=_HISTORY
        )
        await connection.copy_records_to_table(
            "batch", records=list(batch.standing.values()), columns=_STANDING
        )
        await connection.execute(query("peer_upsert"))
        await connection.execute(
            query("peer_advance"),
            [place.partition for place in fetched],
            [records[-1].offset + 1 for records in fetched.values()],
        )
    return len(batch.history)


if __name__ == "__main__":
    asyncio.run(fold(msgspec.json.decode(sys.argv[1], type=Settings)))
