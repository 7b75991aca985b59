"""What tests of the fold do to a real log and read from a real read model."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from ledger.domain.events import Event, Lane
from ledger.domain.rows import Row, fold
from ledger.domain.standing import rows_of
from ledger.event_log import codec
from ledger.event_log.log_info import read_log_info
from ledger.event_log.partitioner import partition_of
from ledger.event_log.scanning import bounds_of, scan
from ledger.event_log.topic_table import topic_name
from ledger.read_model import pool
from ledger.read_model.folding.records import Partition, Progress, record_digest
from ledger.read_model.folding.stamping import Stamper
from tests.support.services import Handle, Stack

DEADLINE_SECONDS = 60.0
"""After which a test gives up; nothing is asserted to be fast."""


class LogUnderTest:
    """One controller's log on the stack: appends to it as a direct producer would, and knows where everything is."""

    def __init__(
        self, stack: Stack, controller: str, partitions: int, connection: Any, producer: Any
    ) -> None:
        self.stack = stack
        self.controller = controller
        self.partitions = partitions
        self.connection = connection
        self._producer = producer

    def topic(self, lane: Lane = Lane.LIVE) -> str:
        return topic_name(self.controller, lane)

    def start_fold(self, *, wait: bool = True, **environment: str) -> Handle:
        """A fold worker for this controller alone."""
        return self.stack.start_fold(
            wait=wait, **({"LEDGER_FOLD_CONTROLLERS": self.controller} | environment)
        )

    async def append(self, key: bytes, event: Event, lane: Lane = Lane.LIVE) -> int:
        """The offset of one event, in the partition that its key belongs to."""
        return await self.append_raw(key, codec.encode(event), lane=lane)

    async def append_raw(
        self, key: bytes | None, value: bytes | None, *, lane: Lane = Lane.LIVE, partition: int | None = None
    ) -> int:
        if partition is None:
            count = 1 if lane is Lane.CATALOGUE else self.partitions
            partition = partition_of(key or b"", count)
        sent = await self._producer.send_and_wait(self.topic(lane), value=value, key=key, partition=partition)
        return int(sent.offset)

    async def append_all(self, records: Sequence[tuple[bytes, Event]], lane: Lane = Lane.LIVE) -> None:
        """Many events at once, each in its partition, in the order given there."""
        sent = [
            await self._producer.send(
                self.topic(lane),
                value=codec.encode(event),
                key=key,
                partition=partition_of(key, self.partitions),
            )
            for key, event in records
        ]
        await asyncio.gather(*sent)

    async def end(self, partition: int = 0, lane: Lane = Lane.LIVE) -> int:
        return (await bounds_of(self.stack.bootstrap, self.topic(lane), partition))[1]

    async def position(self, partition: int = 0, lane: Lane = Lane.LIVE) -> dict[str, Any] | None:
        row = await self.connection.fetchrow(
            "select * from position where topic = $1 and partition = $2", self.topic(lane), partition
        )
        return None if row is None else dict(row)

    async def wait_folded(self, lane: Lane = Lane.LIVE, worker: Handle | None = None) -> None:
        """Returns when everything that is on the lane now is folded; fails after a minute."""
        for partition in range(1 if lane is Lane.CATALOGUE else self.partitions):
            end = await self.end(partition, lane)
            await self.wait_position(lambda row, end=end: row["next_offset"] >= end, partition, lane, worker)

    async def wait_position(
        self,
        holds: Callable[[dict[str, Any]], bool],
        partition: int = 0,
        lane: Lane = Lane.LIVE,
        worker: Handle | None = None,
    ) -> dict[str, Any]:
        """The position row once ``holds`` says so; fails after a minute, or when the worker has ended."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            row = await self.position(partition, lane)
            if row is not None and holds(row):
                return row
            assert time.monotonic() < deadline, f"{self.topic(lane)}, partition {partition}: {row}"
            assert worker is None or worker.is_running(), f"{worker.name} has ended"
            await asyncio.sleep(0.05)

    async def history(self) -> list[dict[str, Any]]:
        """Every row of history of this controller, in the order of the log."""
        rows = await self.connection.fetch(
            """select h.* from history as h join control.controller as c on c.id = h.controller_id
               where c.name = $1 order by lane, partition, "offset" """,
            self.controller,
        )
        return [dict(row) for row in rows]

    async def quarantine(self) -> list[dict[str, Any]]:
        rows = await self.connection.fetch(
            """select q.* from quarantine as q join control.controller as c on c.id = q.controller_id
               where c.name = $1 order by lane, partition, "offset" """,
            self.controller,
        )
        return [dict(row) for row in rows]

    async def standing(self) -> dict[tuple[bytes, bytes], tuple[Any, ...]]:
        """What stands in Postgres, in the form of :meth:`expected_standing`."""
        rows = await self.connection.fetch(
            """select s.* from standing as s join control.controller as c on c.id = s.controller_id
               where c.name = $1""",
            self.controller,
        )
        names = ("value", "rank_ms", "rank_seq", "event_id", "partition", "offset")
        return {
            (row["subject_id"], row["row_key"]): (
                row["shape"],
                *(row[name] for name in names),
                *(row[f"second_{name}"] for name in names),
                row["notice"],
                row["stamp_ms"],
            )
            for row in rows
        }

    async def expected_standing(self) -> dict[tuple[bytes, bytes], tuple[Any, ...]]:
        """Both lanes of the log read again from the start and folded by the domain, one record after the other."""
        info = await read_log_info(self.stack.bootstrap, self.controller)
        rows: dict[bytes, list[Row]] = {}
        for lane in (Lane.LIVE, Lane.BACKFILL):
            for number in range(self.partitions):
                async for record, stamper in self._stamped(info, number, lane):
                    stamped = stamper.as_record(stamper.stamp(record))
                    rows.setdefault(record.key, []).extend(rows_of(codec.decode(record.value), stamped))  # type: ignore[arg-type]
        return {
            (person, key): _as_columns(row)
            for person, theirs in rows.items()
            for key, row in fold(theirs).items()
        }

    async def assert_nothing_lost_and_nothing_double(self) -> None:
        """Every record of both lanes has one row of history, and standing is what the domain makes of the log."""
        expected = [
            (lane.number, number, offset)
            for lane in (Lane.LIVE, Lane.BACKFILL)
            for number in range(self.partitions)
            for offset in range(1, await self.end(number, lane))
        ]
        history = [row for row in await self.history() if row["lane"] != Lane.CATALOGUE.number]
        assert [(row["lane"], row["partition"], row["offset"]) for row in history] == expected
        assert await self.standing() == await self.expected_standing()

    async def _stamped(self, info: Any, number: int, lane: Lane) -> AsyncIterator[tuple[Any, Stamper]]:
        stamper = None
        async for records in scan(self.stack.bootstrap, self.topic(lane), number, 0):
            for record in records:
                if stamper is None:
                    stamper = Stamper(_partition(info, number, lane), _start(record))
                    continue
                yield record, stamper


@asynccontextmanager
async def log_under_test(stack: Stack, size: str = "small") -> AsyncIterator[LogUnderTest]:
    """A fresh controller on the stack with its log."""
    controller = await stack.new_controller(size)
    info = await read_log_info(stack.bootstrap, controller)
    connection = await pool.connect(stack.dsn, application_name="test", schema="read_model")
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        yield LogUnderTest(stack, controller, info.partitions, connection, producer)
    finally:
        await producer.stop()
        await connection.close()


async def until(what: Callable[[], bool], told: str) -> None:
    """Returns when ``what`` holds; fails after a minute."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not what():
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.02)


def is_frozen(pid: int) -> bool:
    """Whether the process was stopped by a signal."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"


def _partition(info: Any, number: int, lane: Lane) -> Partition:
    return Partition(
        log_id=info.log_id,
        generation=info.generation,
        lane=lane,
        partition=number,
        partitions=info.partitions,
        controller_id=0,
        controller=info.controller,
        topic=info.topic,
        genesis_id=bytes(16),
    )


def _start(genesis: Any) -> Progress:
    return Progress(
        next_offset=1,
        last_digest=record_digest(genesis.key, genesis.value, genesis.timestamp),
        stamp_ms=genesis.timestamp,
        clock_floor_ms=0,
    )


def _as_columns(row: Row) -> tuple[Any, ...]:
    names = ("value", "rank_ms", "rank_seq", "event_id", "partition", "offset")
    first = tuple(None if row.first is None else getattr(row.first, name) for name in names)
    second = tuple(None if row.second is None else getattr(row.second, name) for name in names)
    detail = row.detail
    return (
        row.shape,
        *first,
        *second,
        None if detail is None else detail.notice,
        None if detail is None else detail.stamp_ms,
    )
