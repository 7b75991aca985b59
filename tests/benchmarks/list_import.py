"""Lines per second of ``ledger list import``, end to end, beside what must be done at the least with the same lines.

Ours reads the file three times (survey, unsubscribes, grants), makes every person known in the vault (a key, a sealed
address), and has every event acknowledged. The peer copies the lines into a table (asyncpg, ``COPY``) and appends
values that were encoded beforehand through the same appender: no reading, no people, no checks.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.domain.catalogue import Catalogue
from ledger.domain.envelope import Lane
from ledger.event_log import codec
from ledger.event_log.log_info import LogInfo
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import topic_name
from ledger.importing.acts import EventMaker, Pending
from ledger.importing.answers import No, Yes
from ledger.importing.job import Job, Progress, carry_out
from ledger.importing.lists import Rules
from ledger.importing.opening import Services
from ledger.importing.plan import make_plan
from ledger.importing.times import TimeRules, read_time
from ledger.settings import OperatorSettings, load, secret_files
from tests.benchmarks.figures import Result, Table, ratios, spread
from tests.benchmarks.stage import Bench
from tests.support.catalogue import small_catalogue

__all__ = ["run"]

LINES: Final = 100_000
REPEATS: Final = 2
UNSUBSCRIBED: Final = 0.1
UNDER_WAY: Final = 2_000
APPEND_TIMEOUT_SECONDS: Final = 60.0
HEADER: Final = ("Email Address", "OPTIN_TIME", "CONFIRM_TIME", "UNSUB_TIME", "TAGS")
AGREED: Final = "2023-05-01 10:00:00"
LEFT: Final = "2024-01-01 00:00:00"
_TABLE: Final = "create temporary table lines (email text, optin text, confirm text, unsub text, tags text)"
_COLUMNS: Final = ("email", "optin", "confirm", "unsub", "tags")


class _Ours(NamedTuple):
    seconds: float
    survey_seconds: float
    again_seconds: float


class _Peer(NamedTuple):
    copy_seconds: float
    append_seconds: float

    @property
    def seconds(self) -> float:
        return self.copy_seconds + self.append_seconds


async def run(bench: Bench) -> Result:
    """Imports a list of people whom nobody knows, then the same list once more, then lets the peer do its part."""
    count = bench.scaled(LINES)
    rows = list(_rows(count, random.Random(bench.seed)))
    ours, peers = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "members.csv"
        path.write_text("".join(",".join(row) + "\n" for row in (HEADER, *rows)))
        size = path.stat().st_size
        for _ in range(REPEATS):
            ours.append(await _imported(bench, path, await bench.new_controller()))
            peers.append(await _peer(bench, rows, await bench.new_controller()))
    return _result(count, size, ours, peers)


def _rows(count: int, chance: random.Random) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        left = LEFT if chance.random() < UNSUBSCRIBED else ""
        yield f"person-{number}@example.com", AGREED, AGREED, left, "vip"


async def _imported(bench: Bench, path: Path, log: LogInfo) -> _Ours:
    began = time.perf_counter()
    surveyed = 0.0

    def told(progress: Progress) -> None:
        nonlocal surveyed
        if progress.stage == "survey":
            surveyed = time.perf_counter()

    await _import(bench, path, log, told)
    done = time.perf_counter()
    await _import(bench, path, log, lambda _: None)
    return _Ours(done - began, surveyed - began, time.perf_counter() - done)


async def _import(bench: Bench, path: Path, log: LogInfo, told: Any) -> None:
    operator = load(OperatorSettings, bench.stack.environment)
    job = Job(
        path=path, controller=log.controller, rules=Rules(now_ms=time.time_ns() // 1_000_000), purpose="newsletter",
        channel="email", notice="signup@1", tag_purposes={}, source="bench", times_exact=False,
        state=path.with_name(log.controller), rejects=path.with_name(f"{log.controller}.rejected.csv"),
    )  # fmt: skip
    services = Services(
        bench.stack.bootstrap, bench.stack.dsn, bench.stack.dsn, secret_files(operator),
        operator.subject_cache_seconds, operator.append_deadline_seconds,
    )  # fmt: skip

    async def catalogue_of(controller: str) -> Catalogue:
        return small_catalogue(controller)

    report = await carry_out(job, services, catalogue_of, agree=lambda _: True, on_progress=told)
    if report.recorded is None or report.survey.has_findings:
        raise RuntimeError("the benchmark's own list was not taken whole")


async def _peer(bench: Bench, rows: list[tuple[str, ...]], log: LogInfo) -> _Peer:
    values = [(one, codec.encode(one.event)) for one in _events(rows, log, random.Random(bench.seed))]
    connection = await bench.connect("read_model")
    try:
        await connection.execute(_TABLE)
        began = time.perf_counter()
        await connection.copy_records_to_table("lines", records=rows, columns=_COLUMNS)
        copied = time.perf_counter()
    finally:
        await connection.close()
    async with Appender(bench.stack.bootstrap) as appender:
        await _appended(appender, log, values[:1])
        started = time.perf_counter()
        left = iter(values)
        while part := list(islice(left, UNDER_WAY)):
            await _appended(appender, log, part)
        return _Peer(copied - began, time.perf_counter() - started)


def _events(rows: list[tuple[str, ...]], log: LogInfo, chance: random.Random) -> Iterator[Pending]:
    """The events that the import makes of these lines, for people with random subject ids; unsubscribes first."""
    plan = make_plan(
        small_catalogue(log.controller), now_ms=time.time_ns() // 1_000_000, purpose="newsletter", channel="email",
        notice="signup@1", source="bench",
    )  # fmt: skip
    maker = EventMaker(plan, bytes(32), bytes(32))
    agreed, left = read_time(AGREED, TimeRules()), read_time(LEFT, TimeRules())
    people = [(chance.randbytes(16), row[3]) for row in rows]
    for subject_id, unsubscribed in people:
        if unsubscribed:
            yield from maker.noes(subject_id, No(left), time_dropped=False)
    for subject_id, _ in people:
        yield from maker.yeses(subject_id, Yes(agreed.yes_from_ms, ()), ("newsletter",))


async def _appended(appender: Appender, log: LogInfo, values: Iterable[tuple[Pending, bytes]]) -> None:
    await asyncio.gather(
        *(
            appender.append(
                topic_name(log.controller, Lane(one.lane)),
                partition_of(one.subject_id, log.partitions),
                one.subject_id,
                lambda _, value=value: value,  # type: ignore[misc]
                timeout_s=APPEND_TIMEOUT_SECONDS,
            )
            for one, value in values
        )
    )


def _result(count: int, size: int, ours: list[_Ours], peers: list[_Peer]) -> Result:
    rates, others = [count / one.seconds for one in ours], [count / one.seconds for one in peers]
    return Result(
        name="list_import",
        about="lines per second of `ledger list import`, every event acknowledged",
        settings={
            "lines": f"{count:,} ({size / 1e6:.1f} MB), {UNSUBSCRIBED:.0%} with an unsubscribe beside the opt-in",
            "people": "all new to the vault; 6 partitions; no worker folds meanwhile",
            "repeats": f"{REPEATS}, by turns",
        },
        tables=(
            Table(
                title="end to end (lines/s)",
                columns=("road", "lines/s"),
                rows=(
                    ("import of people nobody knows", spread(rates)),
                    ("  of which the survey alone", spread([count / one.survey_seconds for one in ours])),
                    ("the same list again", spread([count / one.again_seconds for one in ours])),
                    ("COPY of the lines, append of the encoded events", spread(others)),
                    ("  of which COPY alone", spread([count / one.copy_seconds for one in peers])),
                    ("  of which append alone", spread([count / one.append_seconds for one in peers])),
                ),
            ),
            Table(
                title="beside COPY and append (share of its rate; higher is better)",
                columns=("road", "ratio"),
                rows=(("import of people nobody knows", ratios(rates, others)),),
            ),
        ),
        notes=("A person made known costs a key, its wrapping, a sealed address and two rows; the peer makes nobody known.",),
    )
