"""Acts per second, each durable before its answer: over HTTP, by the SDK over Kafka, and beside aiokafka alone.

Every road keeps 32 acts under way and counts one when every in-sync replica has it. Over HTTP grants and withdrawals
are told apart: the answer to a grant also says whether it stands, and waits for the fold to know. The peer sends values
that were encoded beforehand: no catalogue, no directory, no idempotency key, no deadline.
"""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import psutil
from aiokafka import AIOKafkaProducer

from ledger.domain.events import ConsentGiven, ConsentWithdrawn, Envelope, Scope
from ledger.event_log import codec
from ledger.event_log.log_info import LogInfo
from ledger.event_log.partitioner import partition_of
from ledger.sdk import Ledger, subject_id
from ledger.sdk.http_transport import HttpTransport
from ledger.sdk.people import email
from tests.benchmarks.figures import Result, Table, quantile, ratios, spread
from tests.benchmarks.http_client import offered, post
from tests.benchmarks.http_load import Job
from tests.benchmarks.stage import FOLDED, Bench
from tests.support.services import Handle

__all__ = ["run"]

UNDER_WAY: Final = 32
REPEATS: Final = 3
SECONDS: Final = 4.0
WARM_SECONDS: Final = 1.0
PEOPLE: Final = 1_000
REQUESTS_PER_SECOND: Final = 4_000
SETTLED_SECONDS: Final = 0.5
_PEER: Final = "aiokafka alone"


class _Measured(NamedTuple):
    rate: float
    p50_ms: float
    p99_ms: float
    api_us: float | None = None


class _Place(NamedTuple):
    """Where acts go, and the people they are about: e-mail address and subject id of each.

    The peer writes to ``peer_log``, which no worker folds: its records would keep the fold busy for the next road.
    """

    log: LogInfo
    peer_log: LogInfo
    bootstrap: str
    api: Handle
    key: str
    people: list[tuple[str, bytes]]


async def run(bench: Bench) -> Result:
    log, peer_log = await bench.new_controller(), await bench.new_controller()
    worker, api = await bench.folded(log, 0), bench.stack.start_api()
    try:
        key = await bench.api_key(log.controller)
        people = await _people(api.url, key, bench.scaled(PEOPLE))
        place = _Place(log, peer_log, bench.stack.bootstrap, api, key, people)
        found = await _measure(bench, place)
    finally:
        api.stop()
        worker.stop()
    return _result(found, len(people), bench.shortened(SECONDS))


async def _measure(bench: Bench, place: _Place) -> dict[str, list[_Measured]]:
    roads: dict[str, Callable[[float], Awaitable[_Measured]]] = {
        "HTTP, withdrawals": lambda seconds: _over_http(place, seconds, {"act": "withdraw"}),
        "HTTP, grants": lambda seconds: _over_http(place, seconds, {"act": "grant", "notice": "signup@3"}),
        "SDK over Kafka, both by turns": lambda seconds: _over_kafka(place, seconds),
        _PEER: lambda seconds: _alone(place, seconds, bench.seed),
    }
    found: dict[str, list[_Measured]] = {name: [] for name in roads}
    for turn in range(REPEATS + 1):
        for name, road in roads.items():
            measured = await road(bench.shortened(SECONDS if turn else WARM_SECONDS))
            if turn:
                found[name].append(measured)
            await _settled(bench, place.log)
    return found


async def _settled(bench: Bench, log: LogInfo) -> None:
    """Returns when the fold has taken what the last road wrote, so that the next one has the machine to itself."""
    connection = await bench.connect("read_model")
    try:
        before, folded = -1, await connection.fetchval(FOLDED, log.log_id)
        while folded != before:
            await asyncio.sleep(SETTLED_SECONDS)
            before, folded = folded, await connection.fetchval(FOLDED, log.log_id)
    finally:
        await connection.close()


async def _people(url: str, key: str, count: int) -> list[tuple[str, bytes]]:
    """People whom the directory knows, so that what is measured is an act and not the making of a person."""
    transport = HttpTransport(url, key)
    at_once = asyncio.Semaphore(16)

    async def made(address: str) -> tuple[str, bytes]:
        async with at_once:
            found = await transport.resolve(email(address))
        if found is None:
            raise RuntimeError("the API resolved an address to nobody")
        return address, bytes.fromhex(found)

    try:
        return list(await asyncio.gather(*(made(f"person-{number}@example.com") for number in range(count))))
    finally:
        await transport.aclose()


async def _over_http(place: _Place, seconds: float, act: dict[str, str]) -> _Measured:
    said = [act | {"purpose": "newsletter", "channel": "email"}]
    addresses = itertools.cycle(address for address, _ in place.people)
    requests = [
        post(
            "/v1/acts",
            place.key,
            {"subject": {"email": address}, "acts": said},
            idempotency_key=str(uuid.uuid4()),
        )
        for address in itertools.islice(addresses, round(seconds * REQUESTS_PER_SECOND))
    ]
    api, port = psutil.Process(place.api.pid), urlsplit(place.api.url).port or 0
    before = sum(api.cpu_times()[:2])
    outcome = await offered(
        Job(port=port, connections=UNDER_WAY, seconds=seconds, requests=requests, once=True), "201"
    )
    spent = sum(api.cpu_times()[:2]) - before
    return _Measured(outcome.rate, outcome.p50_ms, outcome.p99_ms, spent / outcome.answered * 1e6)


async def _over_kafka(place: _Place, seconds: float) -> _Measured:
    async with Ledger.connect(
        place.api.url,
        place.key,
        transport="kafka",
        bootstrap=place.bootstrap,
        controller=place.log.controller,
        source="bench",
    ) as ledger:

        async def send(subject: bytes, withdraws: bool) -> None:
            person = subject_id(subject.hex())
            if withdraws:
                await ledger.withdraw(person, purpose="newsletter", channel="email")
            else:
                await ledger.grant(person, purpose="newsletter", channel="email", notice="signup@3")

        await send(place.people[0][1], False)
        return await _kept_under_way(place, seconds, send)


async def _alone(place: _Place, seconds: float, seed: int) -> _Measured:
    chance = random.Random(seed)
    topic, partitions = place.peer_log.topic, place.peer_log.partitions
    values = [_values(place.peer_log.controller, chance) for _ in range(500)]
    endless = itertools.cycle(values)
    async with AIOKafkaProducer(
        bootstrap_servers=place.bootstrap, acks="all", enable_idempotence=True, max_batch_size=262_144
    ) as producer:

        async def send(subject: bytes, withdraws: bool) -> None:
            value = next(endless)[withdraws]
            await producer.send_and_wait(topic, value, subject, partition=partition_of(subject, partitions))

        await send(place.people[0][1], False)
        return await _kept_under_way(place, seconds, send)


def _values(controller: str, chance: random.Random) -> tuple[bytes, bytes]:
    """A grant and a withdrawal as the SDK would write them."""
    envelopes = [
        Envelope(
            event_id=chance.randbytes(16), act_id=chance.randbytes(16), controller=controller, source="bench",
            waited_ms=0, catalogue_version=1,
        )
        for _ in range(2)
    ]  # fmt: skip
    scope = Scope(purpose="newsletter", channel="email")
    grant = ConsentGiven(envelope=envelopes[0], scope=scope, notice="signup@3")
    return codec.encode(grant), codec.encode(ConsentWithdrawn(envelope=envelopes[1], scope=scope))


async def _kept_under_way(
    place: _Place, seconds: float, send: Callable[[bytes, bool], Awaitable[None]]
) -> _Measured:
    """``UNDER_WAY`` senders, each with people of its own, who wait for one act before they make the next."""
    times: list[float] = []
    began = time.perf_counter()

    async def sender(number: int) -> None:
        people = itertools.cycle(place.people[number::UNDER_WAY] or place.people[:1])
        for (_, subject), withdraws in zip(people, itertools.cycle((False, True))):
            sent_at = time.perf_counter()
            if sent_at - began > seconds:
                return
            await send(subject, withdraws)
            times.append(time.perf_counter() - sent_at)

    await asyncio.gather(*(sender(number) for number in range(UNDER_WAY)))
    took = time.perf_counter() - began
    times.sort()
    return _Measured(len(times) / took, quantile(times, 0.5) * 1_000, quantile(times, 0.99) * 1_000)


def _result(found: dict[str, list[_Measured]], people: int, seconds: float) -> Result:
    rates = {name: [one.rate for one in measured] for name, measured in found.items()}
    return Result(
        name="intake",
        about="acts per second, each durable before its answer",
        settings={
            "under way at once": UNDER_WAY,
            "repeats": f"{REPEATS} of {seconds:g} s each, by turns, after a warm-up",
            "people": f"{people}, known to the directory; over HTTP by e-mail address, over Kafka by subject id",
            "load generator": "HTTP: tests.benchmarks.http_load in its own process; Kafka: in this process",
        },
        tables=(
            Table(
                title="one sender process",
                columns=("road", "acts/s", "p50 ms", "p99 ms", "API CPU us/act"),
                rows=tuple(
                    (
                        name,
                        spread(rates[name]),
                        spread([one.p50_ms for one in measured]),
                        spread([one.p99_ms for one in measured]),
                        spread(spent) if (spent := [one.api_us for one in measured if one.api_us]) else None,
                    )
                    for name, measured in found.items()
                ),
            ),
            Table(
                title=f"beside {_PEER} (share of its rate; higher is better)",
                columns=("road", "ratio"),
                rows=tuple((name, ratios(rates[name], rates[_PEER])) for name in rates if name != _PEER),
            ),
        ),
        notes=("acks=all on one broker is its page cache, not its disk. A fold worker runs beside it.",),
    )
