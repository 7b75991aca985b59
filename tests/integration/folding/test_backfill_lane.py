"""The backfill lane: folded behind the live one, never in its way, and as carefully."""

import asyncio
from typing import Any

import pytest

from ledger.audit.record_sources import KafkaRecords
from ledger.audit.replay import replay
from ledger.domain.decision import Question, decide
from ledger.domain.events import Capture, Event, Lane, Origin, Scope, SuppressionCarried
from ledger.event_log.log_info import read_log_info
from ledger.event_log.partitioner import partition_of
from ledger.read_model import pool
from ledger.read_model.reader import SubjectKey, ViewReader
from tests.integration.folding.test_fold_faults import at
from tests.integration.folding.test_fold_worker import acts, read_metrics
from tests.support.catalogue import small_catalogue
from tests.support.folding import LogUnderTest, until
from tests.support.log_records import envelope, grant, subject, withdrawal

QUESTION = Question(purpose="newsletter", channel="email")


def imported(controller: str, **changed: Any) -> Event:
    """A grant as an import writes it."""
    return grant(
        notice="signup@3",
        controller=controller,
        origin=Origin.IMPORTED,
        capture=Capture.IMPORT,
        may_be_repeat=True,
        **changed,
    )


def carried(controller: str) -> Event:
    return SuppressionCarried(
        envelope=envelope(controller=controller, origin=Origin.CARRIED, capture=Capture.SYSTEM),
        scope=Scope(purpose="newsletter"),
        rank_ms=1,
        rank_seq=1,
    )


async def test_what_the_live_lane_denies_an_import_never_allows_for_a_moment(log: LogUnderTest) -> None:
    name = log.controller
    people = [subject(1_000 + number) for number in range(60)]
    await log.append_all([(person, imported(name)) for person in people], Lane.BACKFILL)
    # Several batches of others, so that the noes are folded last.
    await log.append_all(acts(name, 5_000))
    strangers = [bytes([255]) + person[1:] for person in people]
    await log.append_all([(person, imported(name)) for person in strangers], Lane.BACKFILL)
    noes = [withdrawal(controller=name) if number % 2 else carried(name) for number in range(len(people))]
    await log.append_all(list(zip(people, noes, strict=True)))
    worker = log.start_fold(wait=False)
    verdicts: set[tuple[bool, str]] = set()
    async with reading(log) as reader:
        keys = [await key_of(log, person) for person in people]
        while True:
            done = await is_folded(log, Lane.BACKFILL)
            verdicts |= {(answer.allowed, answer.reason) for answer in await decisions(reader, name, keys)}
            if done:
                break
        allowed = await decisions(reader, name, [await key_of(log, person) for person in strangers])
    assert {was_allowed for was_allowed, _ in verdicts} == {False}
    assert {reason for _, reason in verdicts} <= {"no_events", "withdrawn", "suppressed"}
    assert all(allowed), "the import of those who said no such thing stands"
    assert worker.is_running()
    await rebuilt_is_the_same(log)


async def test_withdrawals_pass_an_import_that_is_waiting(log: LogUnderTest) -> None:
    people = [subject(number) for number in range(5_000)]
    grants = [(people[number % 5_000], imported(log.controller)) for number in range(50_000)]
    await log.append_all(grants, Lane.BACKFILL)
    worker = log.start_fold()
    await log.wait_position(lambda row: row["next_offset"] > 1, lane=Lane.BACKFILL, worker=worker)
    left = []
    for number in range(5):
        offset = await log.append(people[number], withdrawal(controller=log.controller))
        await log.wait_position(lambda row, offset=offset: row["next_offset"] > offset, worker=worker)
        row = await log.position(lane=Lane.BACKFILL)
        assert row is not None
        left.append(50_001 - row["next_offset"])
    assert left[-1] > 0, "every withdrawal was folded before the end of the import"
    assert left == sorted(left, reverse=True)
    await log.wait_folded(Lane.BACKFILL, worker)
    lag = 'ledger_projection_lag_events{partition="0",projection="fold_backfill"} 0.0'
    await until(lambda: lag in read_metrics(worker), "the lag of the backfill lane is not told")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("after_fetch", marks=pytest.mark.faults),
        "inside_copy",
        pytest.param("after_commit", marks=pytest.mark.faults),
    ],
)
async def test_a_worker_killed_in_a_backfill_batch_loses_nothing_and_doubles_nothing(
    wide_log: LogUnderTest, step: str
) -> None:
    name = wide_log.controller
    grants = [(subject(number % 200), imported(name)) for number in range(3_000)]
    await wide_log.append_all(grants, Lane.BACKFILL)
    worker = wide_log.start_fold(wait=False, **at(f"{step}:kill:3"))
    worker.wait_ended()
    assert 0 < len(await wide_log.history()) < 3_000, "the worker was killed in the middle"
    await wide_log.append_all(acts(name, 500))
    other = wide_log.start_fold(wait=False)
    await wide_log.wait_folded(Lane.BACKFILL, other)
    await wide_log.wait_folded(Lane.LIVE, other)
    await wide_log.assert_nothing_lost_and_nothing_double()
    rows = [await wide_log.position(number, Lane.BACKFILL) for number in range(6)]
    assert any(row is not None and row["crash_count"] == 1 for row in rows)


async def test_an_import_is_found_repeated_within_its_lane_alone(log: LogUnderTest) -> None:
    first = imported(log.controller)
    for lane in (Lane.BACKFILL, Lane.BACKFILL, Lane.LIVE):
        await log.append(subject(1), first, lane)
    worker = log.start_fold()
    await log.wait_folded(Lane.BACKFILL, worker)
    assert [row["outcome"] for row in await log.history()] == ["counted", "counted", "repeat"]


async def test_a_refused_backfill_topic_does_not_stop_the_live_lane(log: LogUnderTest) -> None:
    await started_once(log)
    await tamper_with_genesis(log, Lane.BACKFILL)
    worker = log.start_fold()
    await log.append(subject(1), withdrawal(controller=log.controller))
    await log.wait_folded(worker=worker)
    row = await log.wait_position(lambda row: row["refused"] is not None, lane=Lane.BACKFILL)
    assert row["refused"] == "log_recreated"
    assert [each["outcome"] for each in await log.history()] == ["counted"]


@pytest.mark.slow
async def test_without_its_live_twin_a_backfill_partition_is_neither_folded_nor_fresh(
    log: LogUnderTest,
) -> None:
    await started_once(log)
    await tamper_with_genesis(log, Lane.LIVE)
    await log.append(subject(1), imported(log.controller), Lane.BACKFILL)
    worker = log.start_fold(wait=False)
    catalogue = await log.wait_position(
        lambda row: row["owner"] is not None and row["folded_through_ms"] > 0, lane=Lane.CATALOGUE
    )
    then = catalogue["folded_through_ms"] + 2_000
    await log.wait_position(lambda row: row["folded_through_ms"] > then, lane=Lane.CATALOGUE, worker=worker)
    row = await log.position(lane=Lane.BACKFILL)
    assert row is not None and row["next_offset"] == 1
    assert row["folded_through_ms"] <= catalogue["folded_through_ms"]


async def started_once(log: LogUnderTest) -> None:
    """Position rows of all lanes stand, and nobody owns them."""
    worker = log.start_fold()
    for lane in (Lane.LIVE, Lane.BACKFILL, Lane.CATALOGUE):
        await log.wait_position(lambda row: row["owner"] is not None, lane=lane, worker=worker)
    worker.stop()


async def tamper_with_genesis(log: LogUnderTest, lane: Lane) -> None:
    await log.connection.execute(
        "update position set genesis_id = gen_random_uuid() where topic = $1", log.topic(lane)
    )


async def rebuilt_is_the_same(log: LogUnderTest) -> None:
    report = await replay(KafkaRecords(log.stack.bootstrap), log.stack.dsn, [log.controller])
    assert report.differences == () and report.is_clean


async def is_folded(log: LogUnderTest, lane: Lane) -> bool:
    row = await log.position(lane=lane)
    return row is not None and row["next_offset"] >= await log.end(lane=lane)


async def key_of(log: LogUnderTest, person: bytes) -> SubjectKey:
    info = await read_log_info(log.stack.bootstrap, log.controller)
    controller_id = await log.connection.fetchval(
        "select id from control.controller where name = $1", log.controller
    )
    partition = partition_of(person, log.partitions)
    return SubjectKey(controller_id, info.log_id, info.generation, partition, person)


async def decisions(reader: ViewReader, controller: str, keys: list[SubjectKey]) -> list[Any]:
    views = await reader.views(keys)
    catalogue = small_catalogue(controller)
    return [
        decide(catalogue, view.rows, QUESTION, 2**62, quarantined=view.quarantined) for view in views.values()
    ]


class reading:
    """A reader of the read model, for the length of the block."""

    def __init__(self, log: LogUnderTest) -> None:
        self._dsn = log.stack.dsn

    async def __aenter__(self) -> ViewReader:
        self._connections = await pool.create_read_pool(
            self._dsn, application_name="test", schema="read_model", size=2
        )
        self._reader = ViewReader(self._connections)
        return self._reader

    async def __aexit__(self, *_: object) -> None:
        await self._reader.aclose()
        await asyncio.wait_for(self._connections.close(), 10)
