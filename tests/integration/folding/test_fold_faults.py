"""Killed, frozen and cut off: what was acknowledged is folded once, whatever happens to the worker."""

import asyncio
import time
from typing import Any

import pytest

from ledger.domain.events import Lane
from tests.integration.folding.test_fold_worker import acts
from tests.support.folding import LogUnderTest, is_frozen, until
from tests.support.log_records import grant, subject, withdrawal

STEPS = (
    "inside_copy",
    *(
        pytest.param(step, marks=pytest.mark.faults)
        for step in ("after_fetch", "after_cas", "before_commit", "after_commit")
    ),
)


def at(failpoint: str) -> dict[str, str]:
    return {"LEDGER_FAILPOINT": failpoint, "LEDGER_ALLOW_FAILPOINTS": "1"}


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_killed_at_any_step_of_a_batch_loses_nothing_and_doubles_nothing(
    wide_log: LogUnderTest, step: str
) -> None:
    await wide_log.append_all(acts(wide_log.controller, 6_000))
    worker = wide_log.start_fold(wait=False, **at(f"{step}:kill:2"))
    worker.wait_ended()
    assert 0 < len(await wide_log.history()) < 6_000, "the worker was killed in the middle"
    other = wide_log.start_fold()
    await wide_log.wait_folded(worker=other)
    await wide_log.assert_nothing_lost_and_nothing_double()


@pytest.mark.parametrize("step", [pytest.param("after_cas", marks=pytest.mark.faults), "inside_copy"])
async def test_a_worker_frozen_in_its_transaction_is_replaced_and_its_late_commit_changes_nothing(
    log: LogUnderTest, step: str
) -> None:
    worker = log.start_fold(**at(f"{step}:stop:2"))
    await log.append(subject(1), grant(controller=log.controller))
    await log.wait_folded(worker=worker)
    await log.append(subject(1), withdrawal(controller=log.controller))
    await until(lambda: is_frozen(worker.pid), "the worker was not frozen")
    frozen_at = time.monotonic()
    other = log.start_fold(wait=False)
    await log.wait_folded(worker=other)
    print(f"taken over {time.monotonic() - frozen_at:.1f} s after it froze inside a transaction")
    await log.append(subject(1), grant(controller=log.controller))
    await log.wait_folded(worker=other)
    before = await log.history()
    worker.thaw()
    await thawed_worker_has_noticed(log, worker)
    assert await log.history() == before
    await log.assert_nothing_lost_and_nothing_double()


@pytest.mark.faults
async def test_a_worker_frozen_between_batches_is_replaced_and_joins_again(wide_log: LogUnderTest) -> None:
    first = wide_log.start_fold()
    second = wide_log.start_fold()
    await owners_are(wide_log, 2)
    first.freeze()
    frozen_at = time.monotonic()
    await wide_log.append_all(acts(wide_log.controller, 2_000))
    await wide_log.wait_folded(worker=second)
    print(f"taken over {time.monotonic() - frozen_at:.1f} s after it froze between batches")
    first.thaw()
    await owners_are(wide_log, 2)
    await wide_log.append_all(acts(wide_log.controller, 2_000, seed=2))
    await wide_log.wait_folded(worker=second)
    await wide_log.assert_nothing_lost_and_nothing_double()


async def test_partitions_are_shared_and_handed_over_under_load(wide_log: LogUnderTest) -> None:
    first = wide_log.start_fold()
    await wide_log.append_all(acts(wide_log.controller, 4_000))
    second = wide_log.start_fold()
    await wide_log.append_all(acts(wide_log.controller, 4_000, seed=2))
    await owners_are(wide_log, 2)
    first.stop()
    await wide_log.append_all(acts(wide_log.controller, 4_000, seed=3))
    await wide_log.wait_folded(worker=second)
    await wide_log.assert_nothing_lost_and_nothing_double()


@pytest.mark.faults
async def test_a_record_that_ends_the_process_is_set_aside_after_counted_starts(log: LogUnderTest) -> None:
    for number in range(3):
        await log.append(subject(number), withdrawal(controller=log.controller))
    starts = 0
    # The first record that is decoded after each start ends the process, as a record would that no reader survives.
    while (await log.position() or {"crash_count": 0})["crash_count"] < 4:
        worker = log.start_fold(wait=False, **at("decode:kill:1"))
        worker.wait_ended()
        starts += 1
        assert starts <= 8
    other = log.start_fold()
    await log.wait_folded(worker=other)
    ((offset, reason),) = [(row["offset"], row["reason"]) for row in await log.quarantine()]
    assert reason == "record_killed_worker"
    assert [row["outcome"] for row in await log.history()].count("counted") == 2
    print(f"record {offset} set aside after {starts} starts")


async def test_an_error_that_nobody_foresaw_ends_the_process_and_loses_nothing(log: LogUnderTest) -> None:
    worker = log.start_fold()
    await log.append(subject(1), grant(controller=log.controller))
    await log.wait_folded(worker=worker)
    await log.connection.execute("alter table standing rename to standing_away")
    try:
        await log.append(subject(1), withdrawal(controller=log.controller))
        await asyncio.to_thread(worker.wait_ended)
    finally:
        await log.connection.execute("alter table standing_away rename to standing")
    other = log.start_fold()
    await log.wait_folded(worker=other)
    await log.assert_nothing_lost_and_nothing_double()


async def test_a_worker_waits_for_postgres_and_goes_on_by_itself(stack: Any, log: LogUnderTest) -> None:
    proxy, dsn = stack.postgres_proxy()
    with proxy:
        worker = log.start_fold(LEDGER_POSTGRES_DSN=dsn)
        await log.append(subject(1), grant(controller=log.controller))
        await log.wait_folded(worker=worker)
        proxy.cut()
        await log.append(subject(1), withdrawal(controller=log.controller))
        await asyncio.sleep(1)
        assert worker.is_running()
        proxy.restore()
        await log.wait_folded(worker=worker)
    await log.assert_nothing_lost_and_nothing_double()


async def test_a_worker_waits_for_kafka_is_stale_meanwhile_and_goes_on_by_itself(
    stack: Any, log: LogUnderTest
) -> None:
    proxy, bootstrap = stack.kafka_proxy()
    with proxy:
        worker = log.start_fold(LEDGER_KAFKA_BOOTSTRAP=bootstrap)
        await log.append(subject(1), grant(controller=log.controller))
        await log.wait_folded(worker=worker)
        proxy.cut()
        await asyncio.sleep(2)
        cut = await log.position()
        await log.append(subject(1), withdrawal(controller=log.controller))
        await asyncio.sleep(2)
        still = await log.position()
        assert cut is not None and still is not None
        assert still["folded_through_ms"] == cut["folded_through_ms"]
        proxy.restore()
        await log.wait_folded(worker=worker)
        await log.wait_position(
            lambda row: row["folded_through_ms"] > cut["folded_through_ms"] + 4_000, worker=worker
        )
    await log.assert_nothing_lost_and_nothing_double()


async def owners_are(log: LogUnderTest, count: int) -> None:
    """Returns when the live partitions are shared by so many workers."""

    async def found() -> int:
        return int(
            await log.connection.fetchval(
                """select count(distinct owner_pid) from position
                   where topic = $1 and owner is not null and refused is null""",
                log.topic(Lane.LIVE),
            )
        )

    deadline = time.monotonic() + 60
    while await found() != count:
        assert time.monotonic() < deadline, f"{await found()} owners"
        await asyncio.sleep(0.1)


async def thawed_worker_has_noticed(log: LogUnderTest, worker: Any) -> None:
    """Returns when the thawed worker has met its lost connection or position, and gone on to wait or share."""
    told = ("fold_waits", "partition_lost")
    await until(lambda: any(word in worker.log.read_text() for word in told), "it never noticed")
    await asyncio.sleep(1)
