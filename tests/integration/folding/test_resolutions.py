"""How doubts end: admitted records join where they always stood, discarded ones never, and a rebuild agrees."""

from typing import Any

import pytest

from ledger.domain.events import Lane, QuarantineAdmitted
from ledger.event_log import codec
from ledger.event_log.partitioner import partition_of
from tests.integration.folding.test_backfill_lane import imported, rebuilt_is_the_same
from tests.integration.folding.test_fold_faults import at
from tests.integration.folding.test_fold_worker import metrics, read_metrics
from tests.support.doubts import end_doubt, entries, leave_in_doubt
from tests.support.folding import LogUnderTest, until
from tests.support.log_records import grant, subject, withdrawal

ANNA, BODIL, CARL, DORA = (subject(number) for number in range(4))
LIVE, BACKFILL = Lane.LIVE, Lane.BACKFILL


async def test_an_admitted_record_joins_as_if_it_had_counted_at_once(log: LogUnderTest) -> None:
    name = log.controller
    worker = log.start_fold()
    no = await log.append(ANNA, withdrawal(controller=name))
    await log.append(ANNA, grant(controller=name))
    yes = await log.append(BODIL, imported(name), BACKFILL)
    await folded(log, worker)
    before = await log.standing(), await log.history()
    await leave_in_doubt(log, no)
    await leave_in_doubt(log, yes, BACKFILL)
    event_id = await end_doubt(log, no, admit=True, key=ANNA)
    await end_doubt(log, yes, admit=True, key=BODIL, lane=BACKFILL)
    await folded(log, worker)
    assert await entries(log) == {
        (LIVE, 0, no): ("unknown_schema", "admitted"),
        (BACKFILL, 0, yes): ("unknown_schema", "admitted"),
    }
    first = (await log.quarantine())[0]
    assert (first["resolved_by"], first["resolved_lane"], first["resolved_offset"]) == (event_id, 0, 3)
    history = [row for row in await log.history() if row["event_type"] != "QuarantineAdmitted"]
    assert (await log.standing(), history) == before
    await rebuilt_is_the_same(log)


async def test_what_cannot_be_applied_stays_in_doubt_whoever_admits_it_until_it_is_discarded(
    log: LogUnderTest,
) -> None:
    worker = log.start_fold()
    broken = await log.append_raw(ANNA, b"no record of ours")
    foreign = await log.append(BODIL, withdrawal(controller="southwind"))
    nobodys = await log.append_raw(b"short", codec.encode(withdrawal(controller=log.controller)), partition=0)
    failed = [await end_doubt(log, broken, admit=True, key=ANNA)]
    await end_doubt(log, foreign, admit=True, key=BODIL)
    await end_doubt(log, nobodys, admit=True)
    await folded(log, worker)
    assert {state for _, state in (await entries(log)).values()} == {"open"}
    assert (await log.quarantine())[0]["refused_admissions"] == failed
    assert 'ledger_quarantine_resolutions_total{outcome="not_admitted",source="live"} 3.0' in (
        await metrics(worker)
    )
    await rebuilt_is_the_same(log)
    for offset, key in ((broken, ANNA), (foreign, BODIL)):
        await end_doubt(log, offset, admit=False, key=key)
        await end_doubt(log, offset, admit=True, key=key)
    await end_doubt(log, nobodys, admit=False)
    await folded(log, worker)
    assert {state for _, state in (await entries(log)).values()} == {"discarded"}
    assert await log.standing() == {}
    await rebuilt_is_the_same(log)


async def test_a_used_event_id_that_is_admitted_counts_beside_the_first(log: LogUnderTest) -> None:
    name, worker = log.controller, log.start_fold()
    first = grant(controller=name)
    event_id = first.envelope.event_id
    await log.append(ANNA, first)
    other = withdrawal(controller=name, event_id=event_id, may_be_repeat=True)
    second = await log.append(ANNA, other)
    await log.append(ANNA, grant(controller=name, event_id=event_id, may_be_repeat=True))
    await end_doubt(log, second, admit=True, key=ANNA)
    await log.append(ANNA, grant(controller=name, event_id=event_id, may_be_repeat=True))
    await folded(log, worker)
    assert await entries(log) == {(LIVE, 0, second): ("conflicting_event_id", "admitted")}
    outcomes = [row["outcome"] for row in await log.history()]
    assert outcomes == ["counted", "counted", "repeat", "counted", "repeat"]
    assert {row[1] for row in (await log.standing()).values()} == {"given", "withdrawn"}
    await rebuilt_is_the_same(log)


@pytest.mark.slow
async def test_an_admitted_record_is_a_repeat_of_one_before_it_and_of_none_after_it(
    log: LogUnderTest,
) -> None:
    name, worker = log.controller, log.start_fold()
    early, late, other = (imported(name) for _ in range(3))
    for event in (early, early, late, late, other):
        await log.append(ANNA, event, BACKFILL)
    against = withdrawal(controller=name, event_id=other.envelope.event_id, may_be_repeat=True)
    await log.append(ANNA, against, BACKFILL)
    await folded(log, worker)
    await end_doubt(log, 6, admit=False, key=ANNA, lane=BACKFILL)
    # As if neither the repeat of the first, nor the first record of the second, nor the contradiction had been read.
    await leave_in_doubt(log, 2, BACKFILL)
    await leave_in_doubt(log, 3, BACKFILL)
    await folded(log, worker)
    for offset in (2, 3):
        await end_doubt(log, offset, admit=True, key=ANNA, lane=BACKFILL)
    await folded(log, worker)
    outcomes = [row["outcome"] for row in await log.history() if row["lane"] == BACKFILL.number]
    assert outcomes == ["counted", "repeat", "counted", "repeat", "counted", "conflicting"]


@pytest.mark.slow
async def test_a_record_that_can_be_read_by_now_and_contradicts_another_becomes_another_doubt(
    log: LogUnderTest,
) -> None:
    name, worker = log.controller, log.start_fold()
    first = withdrawal(controller=name)
    await log.append(ANNA, first)
    second = await log.append(ANNA, grant(controller=name))
    event_id = first.envelope.event_id
    third = await log.append(ANNA, grant(controller=name, event_id=event_id, may_be_repeat=True))
    await folded(log, worker)
    assert await entries(log) == {(LIVE, 0, third): ("conflicting_event_id", "open")}
    await log.connection.execute(
        "delete from quarantine where \"offset\" = $1 and record_digest = $2",
        third, (await log.history())[third - 1]["record_digest"],
    )  # fmt: skip
    await leave_in_doubt(log, third)
    await end_doubt(log, third, admit=True, key=ANNA)
    await folded(log, worker)
    assert await entries(log) == {(LIVE, 0, third): ("conflicting_event_id", "open")}
    await rebuilt_is_the_same(log)
    await end_doubt(log, third, admit=True, key=ANNA)
    await folded(log, worker)
    assert await entries(log) == {(LIVE, 0, third): ("conflicting_event_id", "admitted")}
    assert second == 2
    await rebuilt_is_the_same(log)


async def test_an_event_about_no_entry_or_by_another_key_changes_nothing(log: LogUnderTest) -> None:
    name, worker = log.controller, log.start_fold()
    counted = await log.append(ANNA, grant(controller=name))
    broken = await log.append_raw(BODIL, b"no record of ours")
    await end_doubt(log, counted, admit=False, key=ANNA)
    await end_doubt(log, 999, admit=True, key=ANNA)
    await end_doubt(log, broken, admit=False, key=ANNA)
    await end_doubt(log, broken, admit=False)
    await end_doubt(log, broken, admit=False, key=BODIL, log_id=bytes(16))
    await end_doubt(log, broken, admit=False, key=BODIL, generation=2)
    await folded(log, worker)
    assert await entries(log) == {(LIVE, 0, broken): ("malformed_record", "open")}
    assert [row["outcome"] for row in await log.history()].count("counted") == 7
    await rebuilt_is_the_same(log)


async def test_a_record_in_the_wrong_partition_is_admitted_from_its_subjects_own(
    wide_log: LogUnderTest,
) -> None:
    log = wide_log
    worker = log.start_fold()
    wrong = (partition_of(DORA, 6) + 1) % 6
    offset = await log.append_raw(DORA, codec.encode(withdrawal(controller=log.controller)), partition=wrong)
    await folded(log, worker)
    await end_doubt(log, offset, admit=True, key=DORA, partition=wrong)
    await folded(log, worker)
    assert await entries(log) == {(LIVE, wrong, offset): ("wrong_partition", "admitted")}
    assert [row[1] for row in (await log.standing()).values()] == ["withdrawn"]
    await rebuilt_is_the_same(log)


@pytest.mark.faults
async def test_a_worker_killed_while_it_admits_has_admitted_all_or_nothing(log: LogUnderTest) -> None:
    name, worker = log.controller, log.start_fold()
    offset = await log.append(CARL, withdrawal(controller=name))
    await folded(log, worker)
    worker.stop()
    before = await log.standing()
    await leave_in_doubt(log, offset)
    # The worker admits it by itself, since it can read the record.
    killed = log.start_fold(wait=False, **at("before_commit:kill:1"))
    killed.wait_ended()
    assert await log.standing() == {}
    assert await entries(log) == {(LIVE, 0, offset): ("unknown_schema", "open")}
    other = log.start_fold(wait=False)
    await folded(log, other)
    assert await entries(log) == {(LIVE, 0, offset): ("unknown_schema", "admitted")}
    assert await log.standing() == before
    admissions = [row for row in await log.history() if row["event_type"] == "QuarantineAdmitted"]
    assert [row["outcome"] for row in admissions].count("counted") == 1
    event = codec.decode(admissions[0]["body"])
    assert isinstance(event, QuarantineAdmitted)
    assert (event.author, event.reason, event.envelope.source) == (
        "ledger-fold",
        "schema_known",
        "ledger-fold",
    )
    await rebuilt_is_the_same(log)


@pytest.mark.slow
async def test_open_doubts_are_told_until_they_are_ended(log: LogUnderTest) -> None:
    worker = log.start_fold()
    offset = await log.append_raw(ANNA, b"no record of ours")
    await folded(log, worker)
    open_entries = 'ledger_quarantine_entries_open{reason="malformed_record",source="live"}'
    await told(worker, f"{open_entries} 1.0")
    await end_doubt(log, offset, admit=False, key=ANNA)
    await told(worker, f"{open_entries} 0.0")


async def told(worker: Any, line: str) -> None:
    await until(lambda: line in read_metrics(worker), f"{line} is not told")


async def folded(log: LogUnderTest, worker: Any) -> None:
    for lane in (LIVE, BACKFILL):
        await log.wait_folded(lane, worker)
