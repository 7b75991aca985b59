"""The fold worker as a process, on a real Kafka and a real Postgres."""

import asyncio
import hashlib
import os
import random
import signal
import sys
from pathlib import Path

import psutil
import pytest

from ledger.domain.events import CataloguePublished, Lane, ObjectionRaised, Scope
from ledger.event_log import codec
from tests.support.folding import LogUnderTest, until
from tests.support.log_records import envelope, grant, subject, withdrawal

ROOT = Path(__file__).resolve().parents[3]


async def test_standing_is_the_domains_fold_of_the_log(wide_log: LogUnderTest) -> None:
    await wide_log.append_all(acts(wide_log.controller, 3_000))
    worker = wide_log.start_fold()
    await wide_log.append_all(acts(wide_log.controller, 3_000, seed=2))
    await wide_log.wait_folded(worker=worker)
    await wide_log.assert_nothing_lost_and_nothing_double()
    assert await wide_log.quarantine() == []


async def test_a_record_that_cannot_be_applied_is_set_aside_with_its_code(log: LogUnderTest) -> None:
    name = log.controller
    good = codec.encode(grant(controller=name))
    worker = log.start_fold()
    expected = []
    for code, key, value in (
        ("malformed_record", subject(1), random.Random(3).randbytes(200)),
        ("malformed_record", subject(1), None),
        ("malformed_record", subject(1), good[:-4]),
        ("trailing_bytes", subject(2), good + b"\0"),
        ("unknown_schema", subject(3), good[:2] + bytes(8) + good[10:]),
        ("record_too_large", subject(4), good + bytes(70_000)),
        ("foreign_controller", subject(5), codec.encode(grant(controller="southwind"))),
        ("identifier_in_field", subject(6), codec.encode(grant("anna@example.se", controller=name))),
        ("event_invalid", subject(7), codec.encode(grant("two words", controller=name))),
        ("unattributable", None, good),
        ("unattributable", b"short", good),
    ):
        expected.append((await log.append_raw(key, value, partition=0), code))
    last = await log.append(subject(1), withdrawal(controller=name))
    await log.wait_folded(worker=worker)
    found = [(row["offset"], row["reason"]) for row in await log.quarantine()]
    assert found == expected
    assert {row["state"] for row in await log.quarantine()} == {"open"}
    assert (await log.history())[-1]["offset"] == last
    assert (await log.history())[-1]["outcome"] == "counted"
    assert "ledger_records_unattributable_total 2.0" in await metrics(worker)


async def test_one_event_id_with_other_content_is_found_across_batches(log: LogUnderTest) -> None:
    worker = log.start_fold()
    first = grant(controller=log.controller)
    await log.append(subject(1), first)
    await log.wait_folded(worker=worker)
    event_id = first.envelope.event_id
    await log.append(subject(1), withdrawal(controller=log.controller, event_id=event_id, may_be_repeat=True))
    again = grant(controller=log.controller, event_id=event_id, may_be_repeat=True, waited_ms=70_000)
    await log.append(subject(1), again)
    await log.wait_folded(worker=worker)
    assert [row["outcome"] for row in await log.history()] == ["counted", "conflicting", "repeat"]
    assert [row["reason"] for row in await log.quarantine()] == ["conflicting_event_id"]


async def test_a_key_in_the_wrong_partition_is_set_aside_under_its_subject(wide_log: LogUnderTest) -> None:
    worker = wide_log.start_fold()
    from ledger.event_log.partitioner import partition_of

    person = subject(9)
    wrong = (partition_of(person, 6) + 1) % 6
    await wide_log.append_raw(
        person, codec.encode(withdrawal(controller=wide_log.controller)), partition=wrong
    )
    await wide_log.wait_folded(worker=worker)
    (entry,) = await wide_log.quarantine()
    assert (entry["reason"], entry["subject_id"], entry["partition"]) == ("wrong_partition", person, wrong)


async def test_published_catalogues_become_rows_and_a_version_counts_once(log: LogUnderTest) -> None:
    worker = log.start_fold()
    await log.append(bytes(16), published(log, 1, '{"a":1}'), Lane.CATALOGUE)
    await log.append(bytes(16), published(log, 1, '{"a":1}'), Lane.CATALOGUE)
    await log.append(bytes(16), published(log, 1, '{"a":2}'), Lane.CATALOGUE)
    await log.append(bytes(16), grant(controller=log.controller), Lane.CATALOGUE)
    await log.append(bytes(16), published(log, 2, '{"a":2}'), Lane.CATALOGUE)
    await log.wait_folded(Lane.CATALOGUE, worker)
    rows = await log.connection.fetch(
        """select c.version, c.document, c."offset" from catalogue as c
           join control.controller as k on k.id = c.controller_id where k.name = $1 order by version""",
        log.controller,
    )
    assert [tuple(row) for row in rows] == [(1, '{"a":1}', 1), (2, '{"a":2}', 5)]
    outcomes = [row["outcome"] for row in await log.history()]
    assert outcomes == ["counted", "repeat", "conflicting", "quarantined", "counted"]
    reasons = [row["reason"] for row in await log.quarantine()]
    assert reasons == ["conflicting_catalogue_version", "event_not_allowed_here"]


async def test_an_idle_partition_stays_fresh(log: LogUnderTest) -> None:
    worker = log.start_fold()
    first = await log.wait_position(lambda row: row["folded_through_ms"] > 0, worker=worker)
    then = first["folded_through_ms"] + 2_000
    for lane in (Lane.LIVE, Lane.BACKFILL, Lane.CATALOGUE):
        await log.wait_position(lambda row: row["folded_through_ms"] >= then, lane=lane, worker=worker)


async def test_a_controller_made_while_the_worker_runs_is_folded(stack, log: LogUnderTest) -> None:  # type: ignore[no-untyped-def]
    name = f"{log.controller}x"
    worker = log.start_fold(LEDGER_FOLD_CONTROLLERS=f"{log.controller},{name}")
    from ledger.cli.controllers import create_controller

    await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=stack.dsn)
    late = LogUnderTest(stack, name, 1, log.connection, log._producer)
    await late.append(subject(1), grant(controller=name))
    await late.wait_folded(worker=worker)
    assert [row["outcome"] for row in await late.history()] == ["counted"]


async def test_a_stopped_worker_drains_and_lets_go(log: LogUnderTest) -> None:
    worker = log.start_fold()
    await log.append_all(acts(log.controller, 5_000))
    worker.stop()
    row = await log.position()
    assert row is not None and row["owner"] is None
    assert row["next_offset"] == 1 + len(await log.history())
    other = log.start_fold()
    await log.wait_folded(worker=other)
    await log.assert_nothing_lost_and_nothing_double()
    row = await log.position()
    assert row is not None and row["crash_count"] == 0


async def test_faust_starts_the_fold_and_nothing_listens_on_its_web_port(
    stack,
    log: LogUnderTest,
    tmp_path: Path,  # type: ignore[no-untyped-def]
) -> None:
    await log.append(subject(1), grant(controller=log.controller))
    environment = {**os.environ, **stack.environment, "LEDGER_FOLD_CONTROLLERS": log.controller}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "faust", "-A", "projections.fold", "worker", "--without-web",
        cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await log.wait_folded()
        listening = [
            connection.laddr.port
            for connection in psutil.Process(worker.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == []
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 30) == 0
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    assert list(tmp_path.iterdir()) == []


async def test_the_reactions_take_their_own_heartbeat(stack) -> None:  # type: ignore[no-untyped-def]
    worker = stack.start_reactions()
    await until(
        lambda: any(
            line.startswith("ledger_reactions_heartbeats_total") and float(line.split()[1]) >= 3
            for line in read_metrics(worker).splitlines()
        ),
        "no heartbeat was taken",
    )
    worker.stop()


async def metrics(worker) -> str:  # type: ignore[no-untyped-def]
    return await asyncio.to_thread(read_metrics, worker)


def read_metrics(worker) -> str:  # type: ignore[no-untyped-def]
    from ledger.cli.dev.ledger_process import get_text

    return get_text(worker.process.port, "/metrics") or ""


def published(log: LogUnderTest, version: int, document: str) -> CataloguePublished:
    return CataloguePublished(
        envelope=envelope(controller=log.controller),
        version=version,
        effective_from_ms=0,
        digest=hashlib.sha256(document.encode()).digest(),
        document=document,
    )


def acts(controller: str, count: int, seed: int = 1):  # type: ignore[no-untyped-def]
    chosen = random.Random(seed)
    found = []
    for _ in range(count):
        person, purpose = subject(chosen.randrange(300)), chosen.choice(["newsletter", "profiling"])
        choices = [
            grant(purpose, controller=controller, notice=chosen.choice(["signup@1", "signup@2"])),
            withdrawal(purpose, controller=controller),
            ObjectionRaised(
                envelope=envelope(controller=controller),
                scope=Scope(purpose=purpose),
                episode_id=bytes(15) + chosen.choice([b"a", b"b"]),
            ),
        ]
        found.append((person, chosen.choice(choices)))
    return found


@pytest.fixture(autouse=True)
def _uses_services(stack) -> None:  # type: ignore[no-untyped-def]
    """Every test here is one with services."""
