"""Events per second through one fold worker, beside a pipeline written by hand that guarantees nothing.

Both read the same topic from its start into empty tables with the same columns and indexes, one after the other,
several times. Timed from the first commit seen to the last, so that neither's start-up counts; CPU over the same time.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import psutil

from tests.benchmarks.figures import Result, Table, ratios, spread
from tests.benchmarks.peer_fold import BATCH_RECORDS, Settings, query
from tests.benchmarks.prefill import Prefilled
from tests.benchmarks.stage import CATALOGUE_RECORDS, FOLDED, ROOT, Bench

__all__ = ["run"]

REPEATS: Final = 3
LOOK_SECONDS: Final = 0.02
GIVE_UP_SECONDS: Final = 120.0
_EMPTY: Final = "truncate position, standing, history, quarantine, catalogue"
_PEER_FOLDED: Final = "select coalesce(sum(next_offset - 1), 0)::bigint from peer.position"
_BACKEND: Final = "select pid from pg_stat_activity where application_name ~ $1"


class _Side(NamedTuple):
    """One of the two: where its progress is read, and which backend of Postgres works for it."""

    folded: Callable[[], Any]
    backend: str
    expected: int


class _Run(NamedTuple):
    rate: float
    worker_us: float
    backend_us: float


async def run(bench: Bench) -> Result:
    load = await bench.prefilled()
    runs: dict[str, list[_Run]] = {"peer": [], "product": []}
    connection = await bench.connect("read_model")
    try:
        for _ in range(REPEATS):
            runs["peer"].append(await _peer(bench, connection, load))
            runs["product"].append(await _product(bench, connection, load))
        rows = await connection.fetchval("select count(*) from standing")
    finally:
        await connection.close()
    return _result(load, runs, rows)


async def _product(bench: Bench, connection: Any, load: Prefilled) -> _Run:
    await connection.execute(_EMPTY)
    await connection.execute("checkpoint")
    worker = bench.stack.start_fold(wait=False, LEDGER_FOLD_CONTROLLERS=load.log.controller)

    async def folded() -> int:
        return int(await connection.fetchval(FOLDED, load.log.log_id))

    try:
        side = _Side(folded, "^ledger-fold@", load.records + CATALOGUE_RECORDS)
        measured = await _measure(connection, psutil.Process(worker.pid), side)
    finally:
        worker.stop()
    await _require_history(connection, "history", side.expected)
    return measured


async def _peer(bench: Bench, connection: Any, load: Prefilled) -> _Run:
    await connection.execute(query("peer_tables"))
    await connection.execute("checkpoint")
    settings = Settings(
        bootstrap=bench.stack.bootstrap,
        dsn=bench.stack.dsn,
        topic=load.log.topic,
        partitions=load.log.partitions,
        records=load.records,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.peer_fold",
        msgspec.json.encode(settings).decode(),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
    )

    async def folded() -> int:
        return int(await connection.fetchval(_PEER_FOLDED))

    try:
        side = _Side(folded, "^bench-peer$", load.records)
        measured = await _measure(connection, psutil.Process(process.pid), side)
        await process.communicate(b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await _require_history(connection, "peer.history", side.expected)
    return measured


async def _measure(connection: Any, worker: psutil.Process, side: _Side) -> _Run:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    first, began, before = 0, 0.0, (0.0, 0.0)
    while True:
        folded = await side.folded()
        if not first and folded:
            backend = psutil.Process(await connection.fetchval(_BACKEND, side.backend))
            first, began, before = folded, time.perf_counter(), (_cpu(worker), _cpu(backend))
        if folded >= side.expected:
            break
        if (
            time.monotonic() > give_up_at
            or not worker.is_running()
            or worker.status() == psutil.STATUS_ZOMBIE
        ):
            raise RuntimeError(f"only {folded} of {side.expected} records were folded")
        await asyncio.sleep(LOOK_SECONDS)
    events, seconds = folded - first, time.perf_counter() - began
    spent = (_cpu(worker) - before[0], _cpu(backend) - before[1])
    return _Run(events / seconds, spent[0] / events * 1e6, spent[1] / events * 1e6)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _require_history(connection: Any, table: str, expected: int) -> None:
    found = await connection.fetchval(f"select count(*) from {table}")
    if found != expected:
        raise RuntimeError(f"{table} holds {found} rows, not {expected}")


def _result(load: Prefilled, runs: dict[str, list[_Run]], standing_rows: int) -> Result:
    rates = {name: [one.rate for one in found] for name, found in runs.items()}
    rows = tuple(
        (
            name,
            spread(rates[name]),
            spread([one.worker_us for one in found]),
            spread([one.backend_us for one in found]),
        )
        for name, found in runs.items()
    )
    return Result(
        name="fold",
        about="events per second through one fold worker, from the log to committed rows",
        settings={
            "records": load.records,
            "subjects": len(load.subjects),
            "mean bytes of a value": round(load.value_bytes),
            "partitions": load.log.partitions,
            "standing rows at the end": standing_rows,
            "batch": f"up to {BATCH_RECORDS} records, one transaction",
            "repeats": REPEATS,
        },
        tables=(
            Table(
                title="one worker",
                columns=("who", "events/s", "worker CPU us/event", "backend CPU us/event"),
                rows=rows,
            ),
            Table(
                title="product beside peer (share of its rate; higher is better)",
                columns=("what", "ratio"),
                rows=(("events/s", ratios(rates["product"], rates["peer"])),),
            ),
        ),
        notes=(
            "The peer has no stamps, ranks, checks, digests, repeats, quarantine or owner, and no pipelining.",
            "Broker, Postgres and the worker share the machine.",
        ),
    )
