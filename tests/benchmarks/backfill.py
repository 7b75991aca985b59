"""What an import costs those who say something meanwhile, and how fast it is folded beside the live lane's rate.

*Freshness*: from a live act's acknowledgement until a look at the position in Postgres says that it is folded, with
nothing else to do and while an import is being folded, in turns. *Rate*: the same records through the live lane and
through the backfill lane, each alone, in turns, from a few batches after the first to the last.
"""

import asyncio
import random
import time
from typing import Any, Final, NamedTuple

import msgspec

from ledger.domain.events import Lane
from ledger.event_log import codec
from ledger.event_log.log_info import LogInfo
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import topic_name
from tests.benchmarks.acts import Act, acts, subject_ids
from tests.benchmarks.figures import Result, Table, quantile, ratios, spread
from tests.benchmarks.freshness import Watch
from tests.benchmarks.prefill import prefill
from tests.benchmarks.stage import Bench

__all__ = ["run"]

RATE: Final = 300
SECONDS: Final = 10
REPEATS: Final = 2
SUBJECTS: Final = 20_000
IMPORT_RECORDS: Final = 150_000
RATE_RECORDS: Final = 60_000
WARM_SHARE: Final = 0.1
LOOK_SECONDS: Final = 0.002
APPEND_TIMEOUT_SECONDS: Final = 30.0
GIVE_UP_SECONDS: Final = 180.0
_POSITIONS: Final = "select lane, partition, next_offset from position where log_id = $1 and lane in (0, 1)"


class _Turn(NamedTuple):
    """One spell of live acts: their waits in seconds, and how many backfill records were folded meanwhile."""

    waits: list[float]
    imported_per_second: float


class _Stage(NamedTuple):
    bench: Bench
    log: LogInfo
    connection: Any
    appender: Appender
    people: list[bytes]
    chance: random.Random

    async def reached(self, lane: Lane) -> int:
        """Records of a lane that are folded."""
        rows = await self.connection.fetch(_POSITIONS, self.log.log_id)
        return sum(row["next_offset"] - 1 for row in rows if row["lane"] == lane.number)


async def run(bench: Bench) -> Result:
    log = await bench.new_controller()
    worker = await bench.folded(log, 0)
    connection = await bench.connect("read_model")
    chance = random.Random(bench.seed)
    turns: dict[str, list[_Turn]] = {"nothing else": [], "an import": []}
    rates: dict[str, list[float]] = {"live": [], "backfill": []}
    try:
        async with Appender(bench.stack.bootstrap) as appender:
            people = subject_ids(bench.scaled(SUBJECTS), chance)
            stage = _Stage(bench, log, connection, appender, people, chance)
            await _spell(stage, WARM_SHARE)
            for _ in range(REPEATS):
                turns["nothing else"].append(await _spell(stage))
                expected = await stage.reached(Lane.BACKFILL)
                expected += await _import(stage, IMPORT_RECORDS, Lane.BACKFILL)
                turns["an import"].append(await _spell(stage))
                await _until_folded(stage, Lane.BACKFILL, expected)
            for _ in range(REPEATS):
                for lane in (Lane.LIVE, Lane.BACKFILL):
                    rates[lane.value].append(await _rate(stage, lane))
    finally:
        await connection.close()
        worker.stop()
    return _result(bench, log, turns, rates)


async def _import(stage: _Stage, records: int, lane: Lane) -> int:
    """Writes so many records to a lane and returns how many they are in a run of this scale."""
    count = stage.bench.scaled(records)
    topic = msgspec.structs.replace(stage.log, topic=topic_name(stage.log.controller, lane))
    await prefill(stage.bench.stack.bootstrap, topic, len(stage.people), count, stage.chance.randrange(2**31))
    return count


async def _spell(stage: _Stage, share: float = 1.0) -> _Turn:
    """Live acts at the rate, evenly spaced, until all of them are folded."""
    count = max(1, round(stage.bench.scaled(RATE * SECONDS) * share))
    said = list(acts(stage.log.controller, stage.people, count, time.time_ns() // 1_000_000, stage.chance))
    watch, began, before = Watch(), time.perf_counter(), await stage.reached(Lane.BACKFILL)
    sending = asyncio.create_task(_offer(stage, said, watch))
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            while not (sending.done() and watch.is_done):
                rows = await stage.connection.fetch(_POSITIONS, stage.log.log_id)
                now = time.perf_counter()
                for lane, partition, next_offset in rows:
                    if lane == Lane.LIVE.number:
                        watch.folded(partition, next_offset, now)
                await asyncio.sleep(LOOK_SECONDS)
        await sending
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    imported = await stage.reached(Lane.BACKFILL) - before
    return _Turn(watch.waits, imported / (time.perf_counter() - began))


async def _offer(stage: _Stage, said: list[Act], watch: Watch) -> None:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, act in enumerate(said):
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            group.create_task(_say(stage, act, watch))


async def _say(stage: _Stage, act: Act, watch: Watch) -> None:
    partition = partition_of(act.subject_id, stage.log.partitions)
    appended = await stage.appender.append(
        stage.log.topic,
        partition,
        act.subject_id,
        lambda _: codec.encode(act.event),
        timeout_s=APPEND_TIMEOUT_SECONDS,
    )
    watch.acknowledged(appended)


async def _rate(stage: _Stage, lane: Lane) -> float:
    """Records a second of one lane alone, while they arrive faster than they are folded."""
    before = await stage.reached(lane)
    writing = asyncio.create_task(_import(stage, RATE_RECORDS, lane))
    count = stage.bench.scaled(RATE_RECORDS)
    first, began = 0, 0.0
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while (folded := await stage.reached(lane) - before) < count:
            if not began and writing.done() and not writing.exception():
                # Not earlier: the writer takes a core of its own.
                first, began = folded, time.perf_counter()
            await asyncio.sleep(LOOK_SECONDS)
        await writing
    if not began:
        raise RuntimeError("the fold was done before the records were written")
    return (count - first) / (time.perf_counter() - began)


async def _until_folded(stage: _Stage, lane: Lane, expected: int) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await stage.reached(lane) < expected:
            await asyncio.sleep(0.05)


def _result(
    bench: Bench, log: LogInfo, turns: dict[str, list[_Turn]], rates: dict[str, list[float]]
) -> Result:
    shares = (0.5, 0.99, 1.0)
    waits = {
        name: [[quantile(sorted(turn.waits), share) * 1_000 for turn in found] for share in shares]
        for name, found in turns.items()
    }
    beside = [turn.imported_per_second for turn in turns["an import"]]
    return Result(
        name="backfill",
        about="what an import costs the live lane, and how fast it is folded",
        settings={
            "live acts": f"{RATE}/s for {bench.scaled(RATE * SECONDS) / RATE:g} s, evenly spaced",
            "import": f"{bench.scaled(IMPORT_RECORDS):,} records waiting in the backfill lane",
            "rate": f"over {bench.scaled(RATE_RECORDS):,} records, from when the last is written",
            "partitions": log.partitions,
            "repeats": REPEATS,
        },
        tables=(
            Table(
                title="acknowledgement to folded of a live act, milliseconds",
                columns=("beside", "p50", "p99", "max"),
                rows=(
                    *((name, *(spread(found) for found in waits[name])) for name in turns),
                    (
                        "ratio (lower is better)",
                        *(
                            ratios(with_import, without)
                            for with_import, without in zip(
                                waits["an import"], waits["nothing else"], strict=True
                            )
                        ),
                    ),
                ),
            ),
            Table(
                title="records folded per second, one worker",
                columns=("what", "per second"),
                rows=(
                    ("live lane alone", spread(rates["live"])),
                    ("backfill lane alone", spread(rates["backfill"])),
                    ("backfill lane beside live acts", spread(beside)),
                    (
                        "backfill alone, share of live (higher is better)",
                        ratios(rates["backfill"], rates["live"]),
                    ),
                ),
            ),
        ),
        notes=("Sender, broker, Postgres and the worker share the machine, and one clock.",),
    )
