"""When a record of the backfill lane may be folded: behind everything that the live lane held when it was fetched."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition

from ledger.errors import IntegrityViolation
from projections.backfill import Backfill

LIVE = [TopicPartition("ledger.northwind.events", number) for number in range(2)]
BEHIND = [TopicPartition("ledger.northwind.backfill", number) for number in range(2)]


class Record(NamedTuple):
    offset: int
    timestamp_type: int = 1


class Log:
    """Kafka's client as far as it is asked here: what arrives when, and where live partitions end."""

    def __init__(self, *arriving: dict[TopicPartition, list[Any]]) -> None:
        self.asked: list[str] = []
        self.live_ends = dict.fromkeys(LIVE, 10)
        self._arriving = list(arriving)

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.asked.append("assign")

    def seek(self, at: TopicPartition, offset: int) -> None:
        return None

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        self.asked.append("records")
        return self._arriving.pop(0) if self._arriving else {}

    async def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        self.asked.append("ends")
        return {at: self.live_ends[at] for at in partitions}


async def reading(log: Log) -> Backfill:
    backfill = Backfill(log, log.ends, {})
    await backfill.assign(dict.fromkeys(BEHIND, 1), dict(zip(BEHIND, LIVE, strict=True)))
    return backfill


async def looked(backfill: Backfill) -> None:
    """Looks until the answer about the ends is in."""
    await backfill.look()
    await asyncio.sleep(0)
    await backfill.look()


async def test_ends_are_asked_after_the_records_are_there_and_records_wait_for_them() -> None:
    log = Log({BEHIND[0]: [Record(1), Record(2)]})
    backfill = await reading(log)
    await backfill.look()
    assert backfill.is_asking and not backfill.is_open({LIVE[0]: 99})
    # What the live lane takes in before the answer counts as standing before the records.
    log.live_ends[LIVE[0]] = 12
    await looked(backfill)
    assert log.asked[:3] == ["assign", "records", "ends"]
    assert not backfill.is_open({LIVE[0]: 11}) and backfill.take({LIVE[0]: 11}, 100) == {}
    assert backfill.is_open({LIVE[0]: 12})
    assert backfill.take({LIVE[0]: 12}, 100) == {BEHIND[0]: [Record(1), Record(2)]}


async def test_without_its_live_twin_nothing_is_handed_out() -> None:
    backfill = await reading(Log({BEHIND[0]: [Record(1)]}))
    await looked(backfill)
    assert not backfill.is_open({LIVE[1]: 99}) and backfill.take({LIVE[1]: 99}, 100) == {}


async def test_partitions_take_turns_and_each_keeps_its_order() -> None:
    backfill = await reading(Log({BEHIND[0]: [Record(1), Record(2), Record(3)], BEHIND[1]: [Record(1)]}))
    await looked(backfill)
    reached = dict.fromkeys(LIVE, 10)
    taken = [backfill.take(reached, 2) for _ in range(4)]
    assert taken == [
        {BEHIND[0]: [Record(1), Record(2)]},
        {BEHIND[1]: [Record(1)]},
        {BEHIND[0]: [Record(3)]},
        {},
    ]


async def test_what_was_fetched_is_forgotten_when_partitions_are_assigned_anew() -> None:
    backfill = await reading(Log({BEHIND[0]: [Record(1)]}))
    await looked(backfill)
    await backfill.assign({BEHIND[0]: 1}, {BEHIND[0]: LIVE[0]})
    assert not backfill.is_open({LIVE[0]: 99})


async def test_a_producers_time_is_refused_on_the_backfill_lane_too() -> None:
    backfill = await reading(Log({BEHIND[0]: [Record(1, timestamp_type=0)]}))
    with pytest.raises(IntegrityViolation, match="log_create_time"):
        await backfill.look()
