"""A load generator for HTTP/1.1: keep-alive connections that send the next request when the last was answered.

Run as a process of its own, ``python -m tests.benchmarks.http_load <file>``, so that its work is not the server's:
reads a :class:`Job` (MessagePack), prints an :class:`Outcome` (JSON). Raw sockets and no HTTP client: a client library
would cost several times what the server does.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from tests.benchmarks.figures import quantile

__all__ = ["Job", "Outcome", "offer"]

SAMPLE_EVERY: Final = 200
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """``requests`` are complete, with their heads; taken in order, again from the start unless ``once``."""

    port: int
    connections: int
    seconds: float
    requests: list[bytes]
    once: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Times in milliseconds, from the last byte written to the last byte read."""

    answered: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    samples: list[str]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds


class _Load:
    """What all connections of a job share."""

    def __init__(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        self.requests: Iterator[bytes] = iter(job.requests) if job.once else cycle(job.requests)
        self.stop_at = time.perf_counter() + job.seconds
        self.times: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.samples: list[str] = []
        self.open = job.connections
        self.done: asyncio.Future[None] = loop.create_future()

    def closed(self, error: Exception | None) -> None:
        self.open -= 1
        if error is not None and not self.done.done():
            self.done.set_exception(error)
        elif self.open == 0 and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""
        self._sent_at = 0.0
        self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one without inheriting from it.
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_ends = self._received.find(_END_OF_HEAD)
        if head_ends < 0:
            return
        head = self._received[:head_ends].lower()
        length_at = head.find(_LENGTH)
        length = int(head[length_at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if length_at >= 0 else 0
        if len(self._received) >= head_ends + len(_END_OF_HEAD) + length:
            self._answered(head[9:12].decode("ascii"), self._received[head_ends + len(_END_OF_HEAD) :])

    def connection_lost(self, exc: Exception | None) -> None:
        broken = None if self._finished else ConnectionError("the server closed a connection under load")
        self._load.closed(exc or broken)

    def _send(self) -> None:
        request = next(self._load.requests, None) if time.perf_counter() < self._load.stop_at else None
        if request is None:
            self._finished = True
            self._transport.close()
            return
        self._received = b""
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _answered(self, status: str, body: bytes) -> None:
        load = self._load
        load.times.append(time.perf_counter() - self._sent_at)
        load.statuses[status] += 1
        if len(load.times) % SAMPLE_EVERY == 1 or not status.startswith("2") and len(load.samples) < 1_000:
            load.samples.append(body.decode("utf-8", "replace"))
        self._send()


async def offer(job: Job) -> Outcome:
    """Offers the load and returns when every connection has its last answer."""
    loop = asyncio.get_running_loop()
    load = _Load(job, loop)
    began = time.perf_counter()
    for _ in range(job.connections):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", job.port)
    await load.done
    seconds, times = time.perf_counter() - began, sorted(load.times)
    return Outcome(
        answered=len(times),
        seconds=seconds,
        statuses=dict(load.statuses),
        p50_ms=quantile(times, 0.5) * 1_000,
        p99_ms=quantile(times, 0.99) * 1_000,
        max_ms=times[-1] * 1_000,
        samples=load.samples,
    )


if __name__ == "__main__":
    given = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    print(msgspec.json.encode(uvloop.run(offer(given))).decode())
