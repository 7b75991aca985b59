"""A log to files and back: export beside plain scanning, its writing and reading beside plain fastavro, import beside both.

All on the same records, by turns, several times. Each import goes to brokers from which the topics were deleted, and
into a new database, so that it is a whole one: verify, create, copy, read back, compare, switch.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import fastavro

from ledger.audit.archive_check import check_archive
from ledger.cli.log import run_import
from ledger.domain.events import Lane
from ledger.event_log.archive_export import export_log
from ledger.event_log.archive_files import CODEC
from ledger.event_log.archive_form import Manifest, read_manifest
from ledger.event_log.broker import administering
from ledger.event_log.cluster import describe
from ledger.event_log.scanning import scan
from ledger.event_log.topics import Log, topics_of
from ledger.read_model.migrate import migrate
from tests.benchmarks.figures import Result, Table, ratios, spread
from tests.benchmarks.prefill import Prefilled, prefill
from tests.benchmarks.stage import Bench
from tests.support.databases import fresh_database

__all__ = ["run"]

REPEATS: Final = 3
RECORDS: Final = 150_000
SUBJECTS: Final = 30_000
GONE_SECONDS: Final = 60.0
_PLAIN: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Plain",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "time", "type": "long"},
            {"name": "key", "type": "bytes"},
            {"name": "value", "type": "bytes"},
        ],
    }
)


async def run(bench: Bench) -> Result:
    log = await bench.new_controller()
    load = await prefill(
        bench.stack.bootstrap, log, bench.scaled(SUBJECTS), bench.scaled(RECORDS), bench.seed
    )
    rates: dict[str, list[float]] = {}
    manifest: Manifest | None = None
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
        for turn in range(REPEATS):
            manifest = await _turn(bench, load, Path(folder) / str(turn), rates)
            shutil.rmtree(Path(folder) / str(turn))
    assert manifest is not None
    return _result(load, manifest, rates)


async def _turn(bench: Bench, load: Prefilled, folder: Path, rates: dict[str, list[float]]) -> Manifest:
    bootstrap, controller = bench.stack.bootstrap, load.log.controller
    with _timed(rates, "plain scan of the live topic", load.records):
        for partition in range(load.log.partitions):
            async for _ in scan(bootstrap, load.log.topic, partition, 0):
                pass
    with _timed(rates, "export", load.records):
        await export_log(bootstrap, controller, folder / "export", created_at="bench")
    manifest = read_manifest(folder / "export")
    entries = [entry for entry in _records(folder / "export", manifest)]
    with _timed(rates, "plain fastavro writing", len(entries)), (folder / "plain.avro").open("wb") as file:
        fastavro.writer(file, _PLAIN, entries, codec=CODEC)
    with _timed(rates, "plain fastavro reading", len(entries)), (folder / "plain.avro").open("rb") as file:
        for _ in fastavro.reader(file):
            pass
    with _timed(rates, "verify, without standing", manifest.records):
        check_archive(folder / "export", fold=False)
    with _timed(rates, "verify", manifest.records):
        if not check_archive(folder / "export").is_sound:
            raise RuntimeError("the export has findings")
    await _delete_topics(bench, load)
    async with fresh_database(bench.stack.dsn) as dsn:
        await migrate(dsn)
        with _timed(rates, "import", manifest.records):
            await run_import(bootstrap, dsn, folder / "export")
    return manifest


def _records(folder: Path, manifest: Manifest) -> Iterator[dict[str, Any]]:
    from ledger.event_log.archive_files import entries_of

    for partition in range(manifest.partitions):
        for entry in entries_of(folder, manifest, Lane.LIVE, partition, 0):
            yield {"offset": entry.offset, "time": entry.timestamp, "key": entry.key, "value": entry.value}


@contextmanager
def _timed(rates: dict[str, list[float]], name: str, records: int) -> Iterator[None]:
    began = time.perf_counter()
    yield
    rates.setdefault(name, []).append(records / (time.perf_counter() - began))


async def _delete_topics(bench: Bench, load: Prefilled) -> None:
    log = Log(
        controller=load.log.controller,
        log_id=load.log.log_id,
        generation=load.log.generation,
        partitions=load.log.partitions,
        is_new=False,
    )
    names = [topic.name for topic in topics_of(log)]
    async with administering(bench.stack.bootstrap) as admin, asyncio.timeout(GONE_SECONDS):
        await admin.delete_topics(names)
        while (await describe(admin, names)).topics:
            await asyncio.sleep(0.1)


def _result(load: Prefilled, manifest: Manifest, rates: dict[str, list[float]]) -> Result:
    live = [file for file in manifest.files if file.lane is Lane.LIVE]
    per_million = sum(file.size for file in live) / sum(file.count for file in live)
    raw = load.value_bytes + len(load.subjects[0])
    pairs = (
        ("export beside plain scan", "export", "plain scan of the live topic"),
        ("export beside plain fastavro writing", "export", "plain fastavro writing"),
        ("verify without standing beside plain fastavro reading", "verify, without standing", "plain fastavro reading"),
        ("verify beside plain scan", "verify", "plain scan of the live topic"),
        ("import beside plain scan", "import", "plain scan of the live topic"),
    )  # fmt: skip
    return Result(
        name="archive",
        about="a log exported to files, verified, and imported again",
        settings={
            "records": load.records,
            "subjects": len(load.subjects),
            "partitions": load.log.partitions,
            "mean bytes of key and value": round(raw),
            "repeats": REPEATS,
        },
        tables=(
            Table(
                title="events per second",
                columns=("what", "events/s"),
                rows=tuple((name, spread(found)) for name, found in rates.items()),
            ),
            Table(
                title="beside plain work on the same records (share of its rate; higher is better)",
                columns=("what", "ratio"),
                rows=tuple((what, ratios(rates[ours], rates[peer])) for what, ours, peer in pairs),
            ),
            Table(
                title="size of an export",
                columns=("what", "MB per million events"),
                rows=(
                    ("files of the live lane", per_million),
                    ("keys and values alone, uncompressed", raw),
                    ("share", f"{per_million / raw:.2f}"),
                ),
            ),
        ),
        notes=(
            "Plain scanning reads with the ledger's own consumer and drops what it read.",
            "Verify decodes every event and folds it in memory; an import verifies first and reads all back at the end.",
        ),
    )
