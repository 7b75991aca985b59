"""What the rules themselves cost: one call at a time, in microseconds, without Kafka, Postgres or HTTP."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import cycle
from typing import Any, Final, NamedTuple

import msgspec
from fastavro import schemaless_reader, schemaless_writer

from ledger.domain.decision import Question, decide
from ledger.domain.events import Coordinates, Lane, content_digest
from ledger.domain.rows import Row, merge
from ledger.domain.standing import Record, rows_of
from ledger.event_log import codec, schemas
from ledger.event_log.partitioner import partition_of
from tests.benchmarks.acts import Act, acts, subject_ids
from tests.benchmarks.figures import Result, Spread, Table, quantile, ratios, spread
from tests.benchmarks.stage import Bench
from tests.support.catalogue import small_catalogue

__all__ = ["run"]

CONTROLLER: Final = "example"
NOW_MS: Final = 1_780_000_000_000
REPEATS: Final = 7
CALLS: Final = 4_000
EVENTS: Final = 2_000
_HEADER_BYTES: Final = 10


class _Case(NamedTuple):
    label: str
    call: Callable[[Any], Any]
    arguments: Sequence[Any]


class _Measured(NamedTuple):
    middle: list[float]
    late: list[float]


def run(bench: Bench) -> Result:
    """Each case by turns, ``REPEATS`` times; p50 and p99 of single calls, then the median over the repeats."""
    chance = random.Random(bench.seed)
    calls = bench.scaled(CALLS)
    cases = _cases(chance)
    measured = {case.label: _Measured([], []) for case in cases}
    for _ in range(REPEATS):
        for case in cases:
            times = sorted(_times(case, calls))
            measured[case.label].middle.append(quantile(times, 0.5))
            measured[case.label].late.append(quantile(times, 0.99))
    rows = tuple((label, spread(found.middle), spread(found.late)) for label, found in measured.items())
    return Result(
        name="domain",
        about="one call of each rule",
        settings={"repeats": REPEATS, "calls per repeat": calls, "different events": EVENTS},
        tables=(
            Table(title="microseconds per call", columns=("call", "p50", "p99"), rows=rows),
            Table(
                title="beside fastavro alone on the same bytes (times as long; lower is better)",
                columns=("call", "ratio"),
                rows=(
                    ("codec.encode", _ratio(measured, "codec.encode", "fastavro write alone")),
                    ("codec.decode", _ratio(measured, "codec.decode", "fastavro read alone")),
                ),
            ),
        ),
        notes=("The clock's own call is inside every figure: see the first row.",),
    )


def _ratio(measured: dict[str, _Measured], ours: str, peer: str) -> Spread:
    return ratios(measured[ours].middle, measured[peer].middle)


def _times(case: _Case, calls: int) -> Iterator[float]:
    call, clock = case.call, time.perf_counter_ns
    for argument in _taken(case.arguments, calls):
        began = clock()
        call(argument)
        yield (clock() - began) / 1_000


def _taken(arguments: Sequence[Any], count: int) -> Iterator[Any]:
    endless = cycle(arguments)
    for _ in range(count):
        yield next(endless)


def _cases(chance: random.Random) -> tuple[_Case, ...]:
    said = list(acts(CONTROLLER, subject_ids(500, chance), EVENTS, NOW_MS, chance))
    records = [_record(offset) for offset in range(1, EVENTS + 1)]
    stamped = list(zip((act.event for act in said), records, strict=True))
    values = [codec.encode(act.event) for act in said]
    catalogue = small_catalogue(CONTROLLER)
    question = Question(purpose="newsletter", channel="email")

    def asked(rows: tuple[Row, ...]) -> Any:
        return decide(catalogue, rows, question, NOW_MS)

    return (
        _Case("nothing (the clock)", lambda _: None, said),
        _Case("rows_of", lambda pair: rows_of(*pair), stamped),
        _Case("merge of two rows", lambda pair: merge(*pair), _same_keys(stamped)),
        _Case("content_digest", lambda act: content_digest(act.event), said),
        _Case("decide, 5 rows", asked, [_rows(5, chance) for _ in range(50)]),
        _Case("decide, 50 rows", asked, [_rows(50, chance) for _ in range(50)]),
        _Case("partition_of", lambda act: partition_of(act.subject_id, 6), said),
        _Case("codec.encode", lambda act: codec.encode(act.event), said),
        _Case("fastavro write alone", _written, _fields(said)),
        _Case("codec.decode", codec.decode, values),
        _Case("fastavro read alone", _read, values),
    )


def _record(offset: int) -> Record:
    coordinates = Coordinates(log_id=b"L" * 16, generation=1, lane=Lane.LIVE, partition=0, offset=offset)
    stamp_ms = NOW_MS - 10_000_000 + offset
    return Record(coordinates=coordinates, broker_ms=stamp_ms, stamp_ms=stamp_ms, clock_floor_ms=0)


def _same_keys(stamped: Sequence[tuple[Any, Record]]) -> list[tuple[Row, Row]]:
    """Each event's row beside the same event's row at a later stamp: equal keys, different ranks."""
    return [
        (row, later)
        for (event, record), (_, at) in zip(stamped, reversed(stamped), strict=True)
        for row, later in zip(rows_of(event, record), rows_of(event, at), strict=True)
    ]


def _rows(count: int, chance: random.Random) -> tuple[Row, ...]:
    """``count`` rows of one subject, in the mix of the events; a long history has many notices and objections."""
    rows: dict[bytes, Row] = {}
    offset = 1
    while len(rows) < count:
        (act,) = acts(CONTROLLER, [b"s" * 16], 1, NOW_MS, chance)
        for row in rows_of(act.event, _record(offset)):
            rows.setdefault(row.row_key, row)
        offset += 1
    return tuple(rows.values())


def _fields(said: Sequence[Act]) -> list[tuple[Any, dict[str, Any]]]:
    newest = schemas.load().newest
    return [
        (newest[type(act.event)].parsed, msgspec.to_builtins(act.event, builtin_types=(bytes,)))
        for act in said
    ]


def _written(pair: tuple[Any, dict[str, Any]]) -> bytes:
    stream = BytesIO()
    schemaless_writer(stream, *pair)
    return stream.getvalue()


_PARSED: Final = {mark: schema.parsed for mark, schema in schemas.load().by_fingerprint.items()}


def _read(value: bytes) -> Any:
    stream = BytesIO(value)
    stream.seek(_HEADER_BYTES)
    return schemaless_reader(stream, _PARSED[value[2:_HEADER_BYTES]], None)
