"""From acknowledged to checkable, at 1,000 acts a second, with everything on one machine.

Two views of the same load. *Folded*: for every act, until a look at the position in Postgres says that it is folded;
one looks every 2 ms, so this is late by up to that and a query. *Checked*: for a sample, until ``check`` of the SDK with
``at_least`` is answered, beside a check that waits for nothing: the difference is what freshness costs a caller.
"""

import asyncio
import heapq
import random
import re
import time
from typing import Any, Final, NamedTuple

import psutil

from ledger.cli.dev.ledger_process import get_text
from ledger.domain.events import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.event_log import codec
from ledger.event_log.log_info import LogInfo
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appended, Appender
from ledger.sdk import Ledger, subject_id
from tests.benchmarks.acts import Act, acts, subject_ids
from tests.benchmarks.figures import Cell, Result, Table, quantile, spread
from tests.benchmarks.stage import Bench
from tests.support.services import Handle

__all__ = ["Watch", "run"]

RATE: Final = 1_000
SECONDS: Final = 20
REPEATS: Final = 2
SUBJECTS: Final = 5_000
LOOK_SECONDS: Final = 0.002
CHECK_EVERY: Final = 50
APPEND_TIMEOUT_SECONDS: Final = 30.0
FOLD_TIMEOUT_SECONDS: Final = 60.0
WARM_SHARE: Final = 0.1
_POSITIONS: Final = "select partition, next_offset from position where log_id = $1 and lane = 0"
_COMMITS: Final = r'ledger_projection_batch_duration_seconds_count{projection="fold"} (\S+)'
_KINDS: Final = ("acknowledged", "folded", "checked", "checked, no position")
_LABELS: Final = {
    "acknowledged": "append to acknowledgement",
    "folded": "acknowledgement to folded, every act",
    "checked": f"acknowledgement to answer at_least, 1 act in {CHECK_EVERY}",
    "checked, no position": "a check that waits for nothing",
}


class Watch:
    """When each acknowledged record was first seen to be folded."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._folded: dict[int, int] = {}
        self._waiting: dict[int, list[tuple[int, float]]] = {}

    def acknowledged(self, appended: Appended) -> None:
        if appended.offset < self._folded.get(appended.partition, 0):
            # Folded before this process got round to reading the acknowledgement.
            self.waits.append(0.0)
            return
        heapq.heappush(
            self._waiting.setdefault(appended.partition, []), (appended.offset, time.perf_counter())
        )

    def folded(self, partition: int, next_offset: int, now: float) -> None:
        self._folded[partition] = next_offset
        waiting = self._waiting.get(partition, [])
        while waiting and waiting[0][0] < next_offset:
            self.waits.append(now - heapq.heappop(waiting)[1])

    @property
    def is_done(self) -> bool:
        return not any(self._waiting.values())


class _Load:
    """One run: sends at the rate, whatever comes back, and times what does."""

    def __init__(self, log: LogInfo, appender: Appender, ledger: Ledger) -> None:
        self.watch = Watch()
        self.times: dict[str, list[float]] = {kind: [] for kind in _KINDS}
        self.not_reached = 0
        self._log = log
        self._appender = appender
        self._ledger = ledger

    async def offer(self, said: list[Act]) -> float:
        """Sends all acts and returns the rate that was reached, once everything is acknowledged and checked."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, act in enumerate(said):
                ahead = began + number / RATE - time.perf_counter()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                group.create_task(self._one(act, number))
            rate = len(said) / (time.perf_counter() - began)
        return rate

    async def _one(self, act: Act, number: int) -> None:
        partition = partition_of(act.subject_id, self._log.partitions)
        sent_at = time.perf_counter()
        appended = await self._appender.append(
            self._log.topic,
            partition,
            act.subject_id,
            lambda _: codec.encode(act.event),
            timeout_s=APPEND_TIMEOUT_SECONDS,
        )
        acknowledged_at = time.perf_counter()
        self.times["acknowledged"].append(acknowledged_at - sent_at)
        self.watch.acknowledged(appended)
        if number % CHECK_EVERY == 0:
            await self._check(act, "checked", self._position(appended), acknowledged_at)
        elif number % CHECK_EVERY == CHECK_EVERY // 2:
            await self._check(act, "checked, no position", None, acknowledged_at)

    async def _check(self, act: Act, kind: str, at_least: str | None, since: float) -> None:
        person = subject_id(act.subject_id.hex())
        answer = await self._ledger.check(person, purpose="newsletter", channel="email", at_least=at_least)
        self.times[kind].append(time.perf_counter() - since)
        if answer.reason == "position_not_reached":
            self.not_reached += 1
        elif answer.reason in ("unavailable", "position_unknown", "stale"):
            raise RuntimeError(f"a check was not answered: {answer.reason}")

    def _position(self, appended: Appended) -> str:
        entry = PositionEntry(
            log_id=self._log.log_id,
            generation=self._log.generation,
            lane=Lane.LIVE,
            partition=appended.partition,
            next_offset=appended.offset + 1,
            stamp_ms=appended.broker_ms,
        )
        return Position.of(entry).encode()


class _Usage:
    """Shares of a core, and commits, from the making of this object until :meth:`so_far`."""

    def __init__(self, worker: Handle, api: Handle) -> None:
        self._worker = worker
        self._processes = {
            "fold worker": psutil.Process(worker.pid),
            "API": psutil.Process(api.pid),
            "sender": psutil.Process(),
        }
        self._before = self._read()

    def so_far(self) -> dict[str, float]:
        """CPU seconds per second of each process, and the fold's commits per second."""
        before, now = self._before, self._read()
        seconds = now["clock"] - before["clock"]
        return {name: (now[name] - before[name]) / seconds for name in now if name != "clock"}

    def _read(self) -> dict[str, float]:
        read = {name: float(sum(process.cpu_times()[:2])) for name, process in self._processes.items()}
        text = get_text(self._worker.process.port, "/metrics") or ""
        (commits,) = re.findall(_COMMITS, text) or ("0",)
        return read | {"commits": float(commits), "clock": time.perf_counter()}


class _Run(NamedTuple):
    times: dict[str, list[float]]
    rate: float
    not_reached: int
    usage: dict[str, float]


async def run(bench: Bench) -> Result:
    log = await bench.new_controller()
    worker, api = await bench.folded(log, 0), bench.stack.start_api()
    connection = await bench.connect("read_model")
    runs: list[_Run] = []
    try:
        chance = random.Random(bench.seed)
        people = subject_ids(SUBJECTS, chance)
        key = await bench.api_key(log.controller)
        async with Appender(bench.stack.bootstrap) as appender, Ledger.connect(api.url, key) as ledger:
            count = bench.scaled(RATE * SECONDS)
            for turn in range(REPEATS + 1):
                size = count if turn else max(1, round(count * WARM_SHARE))
                said = list(acts(log.controller, people, size, time.time_ns() // 1_000_000, chance))
                load, usage = _Load(log, appender, ledger), _Usage(worker, api)
                rate = await _watched(connection, log, load, said)
                if turn:
                    times = load.times | {"folded": load.watch.waits}
                    runs.append(_Run(times, rate, load.not_reached, usage.so_far()))
    finally:
        await connection.close()
        api.stop()
        worker.stop()
    return _result(count, log.partitions, runs)


async def _watched(connection: Any, log: LogInfo, load: _Load, said: list[Act]) -> float:
    sending = asyncio.create_task(load.offer(said))
    try:
        async with asyncio.timeout(len(said) / RATE + FOLD_TIMEOUT_SECONDS):
            while not (sending.done() and load.watch.is_done):
                rows = await connection.fetch(_POSITIONS, log.log_id)
                now = time.perf_counter()
                for partition, next_offset in rows:
                    load.watch.folded(partition, next_offset, now)
                await asyncio.sleep(LOOK_SECONDS)
        return await sending
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def _result(count: int, partitions: int, runs: list[_Run]) -> Result:
    rows: list[tuple[Cell, ...]] = []
    for kind, label in _LABELS.items():
        found = [sorted(one.times[kind]) for one in runs if one.times[kind]]
        if found:
            quantiles = (
                spread([quantile(times, share) * 1_000 for times in found]) for share in (0.5, 0.99, 1.0)
            )
            rows.append((label, sum(len(times) for times in found), *quantiles))
    return Result(
        name="freshness",
        about="from acknowledged to checkable",
        settings={
            "offered": f"{RATE} acts/s for {count / RATE:g} s, evenly spaced, by the product's Appender",
            "reached": f"{spread([one.rate for one in runs])} acts/s",
            "repeats": REPEATS,
            "partitions": partitions,
            "checks that were told position_not_reached after two seconds": sum(one.not_reached for one in runs),
        },
        tables=(
            Table(title="milliseconds", columns=("what", "acts", "p50", "p99", "max"), rows=tuple(rows)),
            Table(
                title="meanwhile, per second (CPU seconds of a process; commits of the fold)",
                columns=("who", "per second"),
                rows=tuple((name, spread([one.usage[name] for one in runs])) for name in runs[0].usage),
            ),
        ),
        notes=("Sender, broker, Postgres, fold worker and API share the machine, and one clock.",),
    )
