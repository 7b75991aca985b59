"""Ten kills at random moments under load, judged by a file that the load generator writes for itself."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.events import Event
from tests.support.folding import LogUnderTest
from tests.support.log_records import grant, subject, withdrawal

KILLS = 10
PEOPLE = 500
SEED = 20_261_124

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


async def test_ten_random_kills_under_load_lose_nothing_and_double_nothing(
    wide_log: LogUnderTest, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    oracle = tmp_path / "acknowledged.txt"
    stop = asyncio.Event()
    load = asyncio.create_task(append_until(wide_log, stop, oracle))
    killed_while_folding = 0
    for _ in range(KILLS):
        worker = wide_log.start_fold(wait=False)
        before = len(await folded_ids(wide_log))
        await asyncio.sleep(4 + chance.random() * 6)
        worker.kill()
        killed_while_folding += len(await folded_ids(wide_log)) > before
    stop.set()
    await load
    worker = wide_log.start_fold()
    await wide_log.wait_folded(worker=worker)

    acknowledged = [line.split() for line in oracle.read_text(encoding="ascii").splitlines()]
    found = Counter(await folded_ids(wide_log))
    lost = [event_id for event_id, *_ in acknowledged if event_id not in found]
    double = [event_id for event_id, times in found.items() if times > 1]
    print(
        f"seed {SEED}: {len(acknowledged)} acknowledged, {KILLS} kills, {killed_while_folding} after progress,"
        f" {len(lost)} lost, {len(double)} double"
    )
    assert (lost, double) == ([], [])
    assert killed_while_folding >= KILLS // 2
    await wide_log.assert_nothing_lost_and_nothing_double()
    assert await wide_log.quarantine() == []
    for subject_id, offset, partition, is_no in last_words(acknowledged):
        row = await newest_row(wide_log, subject_id, is_no=is_no)
        assert (row["partition"], row["offset"]) == (partition, offset)


async def append_until(log: LogUnderTest, stop: asyncio.Event, oracle: Path) -> None:
    """Appends acts without a pause; writes down each that was acknowledged, before the next is sent."""
    chance = random.Random(SEED + 1)
    with oracle.open("w", encoding="ascii", buffering=1) as file:
        while not stop.is_set():
            await asyncio.gather(*(append_one(log, chance, file) for _ in range(100)))
            await asyncio.sleep(0.02)


async def append_one(log: LogUnderTest, chance: random.Random, file: Any) -> None:
    person = subject(chance.randrange(PEOPLE))
    event: Event = chance.choice([grant, withdrawal])(controller=log.controller)
    event_id = event.envelope.event_id  # type: ignore[union-attr]
    offset = await log.append(person, event)
    is_no = int(type(event).__name__ == "ConsentWithdrawn")
    file.write(f"{event_id.hex()} {person.hex()} {offset} {is_no}\n")


async def folded_ids(log: LogUnderTest) -> list[str]:
    rows = await log.connection.fetch(
        """select h.event_id from history as h join control.controller as c on c.id = h.controller_id
           where c.name = $1 and h.outcome = 'counted'""",
        log.controller,
    )
    return [row["event_id"].hex() for row in rows]


def last_words(acknowledged: list[list[str]]) -> list[tuple[bytes, int, int, bool]]:
    """Each person's last withdrawal, as the load generator saw it: broker time never steps back here."""
    from ledger.event_log.partitioner import partition_of

    last: dict[str, int] = {}
    for _, person, offset, is_no in acknowledged:
        if is_no == "1":
            last[person] = max(last.get(person, 0), int(offset))
    return [
        (bytes.fromhex(person), offset, partition_of(bytes.fromhex(person), 6), True)
        for person, offset in last.items()
    ]


async def newest_row(log: LogUnderTest, subject_id: bytes, *, is_no: bool) -> Any:
    return await log.connection.fetchrow(
        """select s.partition, s."offset" from standing as s
           join control.controller as c on c.id = s.controller_id
           where c.name = $1 and s.subject_id = $2 and s.shape = $3""",
        log.controller,
        subject_id,
        "no" if is_no else "yes",
    )
