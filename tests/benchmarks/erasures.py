"""From a request to be erased to the last holder's answer, and how many erasures a second go through two holders.

The two holders are prompt: a table that deletes at once, and a compacted topic whose cleaner runs every second; the
second is scanned by the ledger as well. The waits of *settled* are no speed of anybody's: they are settings, they are
said, and they are taken off in a column of their own. The peer is the least that two answers take: one record to a
holder and one back, by bare clients, acknowledged, one after the other's answer for the trickle and all at once for
the burst.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic

from ledger.event_log.broker import administering
from ledger.sdk import RightsRequest
from tests.benchmarks.figures import Result, Table, quantile, ratios, spread
from tests.benchmarks.stage import Bench
from tests.support.erasing import QUICK, ForgettingLedger, forgetting_ledger, person

__all__ = ["run"]

TRICKLE: Final = 20
BURST: Final = 300
PAUSE_SECONDS: Final = 0.3
AT_ONCE: Final = 24


async def run(bench: Bench) -> Result:
    """Erases people one by one and then many at once, and lets bare clients do the least of it."""
    waits_ms = sum(float(value) for value in QUICK.values()) * 1000
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        async with forgetting_ledger(bench.stack, Path(folder), patch, with_list=True) as made:
            await asyncio.to_thread(lambda: bench.stack.start_reactions(**QUICK))
            trickle = await _trickle(made, bench.scaled(TRICKLE))
            burst_seconds, burst = await _burst(made, bench.scaled(BURST))
    peer_trickle, peer_seconds = await _peer(bench, len(trickle), len(burst))
    return Result(
        name="erasures",
        about="Request to last acknowledgement with prompt holders, and erasures per second over two holders.",
        settings={
            "trickle": len(trickle), "burst": len(burst), "waits of settled, ms": waits_ms,
            "holders": "a table (evidence), a compacted topic (tombstones, order, scan by the ledger)",
        },
        tables=(
            _latencies("one by one", trickle, waits_ms, peer_trickle),
            _latencies(f"{len(burst)} at once", burst, waits_ms, None),
            Table(
                title="erasures per second, from the first request to the last completion, waits taken off",
                columns=("ours", "bare records there and back", "ratio"),
                rows=(
                    (
                        spread([len(burst) / burst_seconds]),
                        spread([len(burst) / peer_seconds]),
                        ratios([len(burst) / burst_seconds], [len(burst) / peer_seconds]),
                    ),
                ),
            ),
        ),
        notes=("An erasure is eight steps, each a row of the vault and an event; the peer keeps nothing.",),
    )


async def _trickle(made: ForgettingLedger, count: int) -> list[RightsRequest]:
    requests = []
    for who in await made.meet(*(person() for _ in range(count))):
        requests.append(await made.ledger.request_erasure(who))
        await asyncio.sleep(PAUSE_SECONDS)
    return await made.all_complete(requests)


async def _burst(made: ForgettingLedger, count: int) -> tuple[float, list[RightsRequest]]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(work: Any) -> Any:
        async with limit:
            return await work

    people = [who for met in await asyncio.gather(*(one(made.meet(person())) for _ in range(count))) for who in met]
    began = time.perf_counter()
    requests = await asyncio.gather(*(one(made.ledger.request_erasure(who)) for who in people))
    done = await made.all_complete(requests)
    seconds = time.perf_counter() - began - sum(float(value) for value in QUICK.values())
    return seconds, done


def _latencies(title: str, done: Sequence[RightsRequest], waits_ms: float, peer: Sequence[float] | None) -> Table:
    whole = sorted(_answered_ms(request) for request in done)
    net = [one - waits_ms for one in whole]
    rows: list[tuple[Any, ...]] = [
        ("request to last acknowledgement", *_quantiles(whole)),
        ("waits of settled taken off", *_quantiles(net)),
    ]
    if peer is not None:
        rows.append(("bare record there and back", *_quantiles(sorted(peer))))
    return Table(title=f"{title}, ms", columns=("", "p50", "p99"), rows=tuple(rows))


def _answered_ms(request: RightsRequest) -> float:
    """From the receipt to the last holder's answer."""
    answered = max(datetime.fromisoformat(one.answered_at) for one in request.holders if one.answered_at)
    return (answered - datetime.fromisoformat(request.received_at)).total_seconds() * 1000


def _quantiles(ordered: Sequence[float]) -> tuple[float, float]:
    return quantile(ordered, 0.5), quantile(ordered, 0.99)


async def _peer(bench: Bench, trickle: int, burst: int) -> tuple[list[float], float]:
    """Milliseconds of each record there and back, one by one, and the seconds that all at once take."""
    there, back = "bench.there", "bench.back"
    async with administering(bench.stack.bootstrap) as admin:
        await admin.create_topics([NewTopic(name, 1, 1) for name in (there, back)])
    async with (
        AIOKafkaProducer(bootstrap_servers=bench.stack.bootstrap, acks="all") as producer,
        AIOKafkaConsumer(there, bootstrap_servers=bench.stack.bootstrap) as holder,
        AIOKafkaConsumer(back, bootstrap_servers=bench.stack.bootstrap) as ledger,
    ):
        answering = asyncio.create_task(_answer(holder, producer, back))
        latencies = []
        for _ in range(trickle):
            began = time.perf_counter()
            await producer.send_and_wait(there, b"order")
            await ledger.getone()
            latencies.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        await asyncio.gather(*(producer.send_and_wait(there, b"order") for _ in range(burst)))
        for _ in range(burst):
            await ledger.getone()
        seconds = time.perf_counter() - began
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    return latencies, seconds


async def _answer(holder: Any, producer: Any, back: str) -> None:
    async for _ in holder:
        await producer.send_and_wait(back, b"done")
