"""The one transaction of a batch, on a real Postgres: all or nothing, owner only, and the same join as the domain's."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from ledger.domain.events import (
    ConsentGiven,
    ConsentWithdrawn,
    Event,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    Scope,
)
from ledger.domain.rows import Half, Row, fold
from ledger.domain.standing import rows_of
from ledger.errors import Unavailable
from ledger.event_log import codec
from ledger.read_model.folding import claims, repeats
from ledger.read_model.folding.batch import BatchFold
from ledger.read_model.folding.claims import Taken
from ledger.read_model.folding.records import Folded, Partition, Progress, Tallies
from ledger.read_model.folding.stamping import Stamper
from ledger.read_model.folding.writing import OwnedBatch, PositionMoved, open_writer, write
from tests.support.log_records import (
    Tape,
    envelope,
    genesis,
    grant,
    one_partition,
    partition,
    start,
    subject,
    withdrawal,
)

ANNA = subject(1)

pytestmark = pytest.mark.services


@pytest.fixture
async def writer(database: str) -> AsyncIterator[Any]:
    connection = await open_writer(database, application_name="test-fold", schema="read_model")
    yield connection
    await connection.close()


@pytest.fixture
async def other(database: str) -> AsyncIterator[Any]:
    connection = await open_writer(database, application_name="test-other", schema="read_model")
    yield connection
    await connection.close()


async def claimed(connection: Any, of: Partition, name: str = "one") -> Taken:
    first = genesis(of)
    await claims.create(connection, of, start(of).last_digest, first.timestamp)
    (taken,) = await claims.take(connection, [of.key], name)
    return taken


def batch(of: Partition, before: Progress, tape: Tape, earlier: dict[Any, bytes] | None = None) -> Folded:
    folding = BatchFold(of, before, codec.decode, one_partition)
    folding.take_all(tape.records[before.next_offset - 1 :])
    return folding.finish(earlier or {})


async def test_a_batch_moves_position_history_and_standing_together(writer: Any) -> None:
    of, tape = partition(), Tape(partition())
    tape.add(ANNA, grant())
    tape.add(ANNA, withdrawal())
    tape.add_raw(ANNA, b"not avro")
    taken = await claimed(writer, of)
    assert taken.progress == start(of)
    await write(writer, [OwnedBatch(batch(of, taken.progress, tape), taken.owner)])
    assert await counts(writer) == {"history": 3, "standing": 2, "quarantine": 1}
    (again,) = await claims.take(writer, [of.key], "two")
    assert again.progress.next_offset == 4
    assert again.previous_owner == taken.owner


async def test_a_batch_that_does_not_start_at_the_position_writes_nothing(writer: Any) -> None:
    of, tape = partition(), Tape(partition())
    tape.add(ANNA, grant())
    taken = await claimed(writer, of)
    folded = batch(of, taken.progress, tape)
    await write(writer, [OwnedBatch(folded, taken.owner)])
    with pytest.raises(PositionMoved) as moved:
        await write(writer, [OwnedBatch(folded, taken.owner)])
    assert moved.value.lost == (of.key,)
    assert await counts(writer) == {"history": 1, "standing": 1, "quarantine": 0}


async def test_an_owner_that_was_replaced_writes_nothing(writer: Any, other: Any) -> None:
    of, tape = partition(), Tape(partition())
    tape.add(ANNA, grant())
    taken = await claimed(writer, of)
    await claims.take(other, [of.key], "two")
    with pytest.raises(PositionMoved):
        await write(writer, [OwnedBatch(batch(of, taken.progress, tape), taken.owner)])
    assert await counts(writer) == {"history": 0, "standing": 0, "quarantine": 0}


async def test_one_lost_partition_rolls_back_the_others_of_the_batch_and_is_named(
    writer: Any, other: Any
) -> None:
    parts = [partition(partition=number, partitions=3) for number in range(3)]
    batches = []
    for of in parts:
        tape = Tape(of)
        tape.add(subject(of.partition), grant())
        taken = await claimed(writer, of)
        folding = BatchFold(of, taken.progress, codec.decode, lambda _key, _n, at=of.partition: at)
        folding.take_all(tape.records)
        batches.append(OwnedBatch(folding.finish({}), taken.owner))
    await claims.take(other, [parts[1].key], "two")
    with pytest.raises(PositionMoved) as moved:
        await write(writer, batches)
    assert moved.value.lost == (parts[1].key,)
    assert (await counts(writer))["history"] == 0
    await write(writer, [batches[2], batches[0]])
    assert (await counts(writer))["history"] == 2


async def test_a_claim_ends_an_owner_that_was_frozen_inside_its_transaction(writer: Any, other: Any) -> None:
    of, tape = partition(), Tape(partition())
    tape.add(ANNA, withdrawal())
    taken = await claimed(writer, of)

    reached, thawed = asyncio.Event(), asyncio.Event()

    async def frozen() -> None:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("update position set next_offset = next_offset + 100")
        reached.set()
        await thawed.wait()
        await transaction.commit()

    task = asyncio.create_task(frozen())
    await reached.wait()
    before = time.monotonic()
    (now,) = await claims.take(other, [of.key], "two")
    assert time.monotonic() - before < 5
    assert now.progress == taken.progress
    thawed.set()
    with pytest.raises(Exception, match="closed|terminat"):
        await task
    await write(other, [OwnedBatch(batch(of, now.progress, tape), now.owner)])
    assert (await counts(other))["history"] == 1


async def test_a_claim_gives_up_when_somebody_else_holds_the_row(writer: Any, other: Any) -> None:
    of = partition()
    await claimed(writer, of)
    await claims.release(writer, [(await claims.take(writer, [of.key], "one"))[0].owner])
    async with other.transaction():
        await other.execute("select 1 from position for update")
        with pytest.raises(Unavailable, match="position_locked"):
            await claims.take(writer, [of.key], "one")


async def test_standing_in_postgres_is_the_domains_fold_in_any_order_and_batching(
    writer: Any,
) -> None:
    of = partition()
    taken = await claimed(writer, of)
    acts = random.Random(3)
    rows = many_rows(of, acts)
    pieces = list(rows)
    acts.shuffle(pieces)
    # Twice: joining what stands already changes nothing.
    progress = taken.progress
    for group in chunks(pieces + pieces[::-1], acts):
        after = Progress(
            next_offset=progress.next_offset + 1, last_digest=bytes(32), stamp_ms=1, clock_floor_ms=0
        )
        await write(writer, [OwnedBatch(standing_only(of, progress, after, group), taken.owner)])
        progress = after
    expected = {
        (person, key): columns_of(row)
        for person in {person for person, _ in pieces}
        for key, row in fold([row for whose, row in pieces if whose == person]).items()
    }
    assert await standing(writer) == expected


async def test_repeats_are_found_in_the_same_lane_and_in_earlier_generations(writer: Any) -> None:
    event = grant(may_be_repeat=True)
    old, new = partition(generation=1), partition(generation=2, genesis_id=b"H" * 16)
    asked = [(ANNA, event.envelope.event_id), (subject(2), event.envelope.event_id)]
    tape = Tape(old)
    tape.add(ANNA, event)
    taken = await claimed(writer, old)
    folded = batch(old, taken.progress, tape)
    assert await repeats.first_counted(writer, new, asked) == {}
    await write(writer, [OwnedBatch(folded, taken.owner)])
    found = await repeats.first_counted(writer, new, asked)
    assert found == {asked[0]: folded.history[0][17]}


async def counts(connection: Any) -> dict[str, int]:
    return {
        table: await connection.fetchval(f"select count(*) from {table}")
        for table in ("history", "standing", "quarantine")
    }


def many_rows(of: Partition, acts: random.Random) -> list[tuple[bytes, Row]]:
    stamper, tape, rows = Stamper(of, start(of)), Tape(of), []
    for _ in range(400):
        person = subject(acts.randrange(6))
        record = tape.add(person, an_act(acts), at_ms=1_760_000_000_000 + acts.randrange(300_000))
        stamped = stamper.as_record(stamper.stamp(record))
        rows += [(person, row) for row in rows_of(codec.decode(record.value or b""), stamped)]  # type: ignore[arg-type]
    return rows + ended(rows, acts)


def an_act(acts: random.Random) -> Event:
    scope = Scope(purpose=acts.choice(["newsletter", "profiling"]), channel="email")
    head = envelope(occurred_at=1_760_000_000_000 + acts.randrange(300_000), waited_ms=acts.choice([0, None]))
    choices: list[Event] = [
        ConsentGiven(envelope=head, scope=scope, notice="signup@1", expires_at=acts.choice([None, 5])),
        ConsentGiven(envelope=head, scope=scope, notice="signup@1", confirms=bytes(15) + b"1"),
        ConsentWithdrawn(envelope=head, scope=scope),
        PreferenceSet(envelope=head, scope=scope, direction="in", message_class="news"),
        ObjectionRaised(envelope=head, scope=scope, episode_id=bytes(15) + acts.choice([b"a", b"b"])),
        NoticeServed(envelope=head, notice="signup@1"),
    ]
    return acts.choice(choices)


def ended(rows: Sequence[tuple[bytes, Row]], acts: random.Random) -> list[tuple[bytes, Row]]:
    """The same episodes and pairs with their other half, which no event of this release writes alone."""
    import msgspec

    found = []
    for person, row in rows:
        if row.shape == "episode":
            found.append((person, msgspec.structs.replace(row, first=None, detail=None, second=row.first)))
        elif row.shape == "pair" and row.second is not None:
            half = msgspec.structs.replace(row.second, value="requested", rank_ms=acts.randrange(2**40))
            found.append((person, msgspec.structs.replace(row, first=half, second=None)))
    return found


def chunks(pieces: list[tuple[bytes, Row]], acts: random.Random) -> list[list[tuple[bytes, Row]]]:
    groups = []
    while pieces:
        size = acts.choice([1, 7, 60])
        groups.append(pieces[:size])
        pieces = pieces[size:]
    return groups


def standing_only(
    of: Partition, before: Progress, after: Progress, group: Sequence[tuple[bytes, Row]]
) -> Folded:
    joined: dict[Any, Row] = {}
    for person in {person for person, _ in group}:
        for key, row in fold([row for whose, row in group if whose == person]).items():
            joined[of.controller_id, person, key] = row
    return Folded(
        partition=of,
        before=before,
        after=after,
        history=[],
        standing=joined,
        quarantine=[],
        catalogue=[],
        tallies=Tallies(),
    )


def columns_of(row: Row) -> dict[str, Any]:
    scope = {
        name: getattr(row, name)
        for name in ("purpose", "purpose_group", "channel", "recipient", "item", "category")
    }
    names = (
        "effective_from_ms",
        "until_ms",
        "notice",
        "verified",
        "capture",
        "revision",
        "stamp_ms",
        "waited_ms",
        "other_subject_id",
    )
    detail = {name: None if row.detail is None else getattr(row.detail, name) for name in names}
    head = {"shape": row.shape, "voice": row.voice, "kind": row.kind, "instance": row.instance}
    return head | scope | half_columns(row.first, "") | detail | half_columns(row.second, "second_")


def half_columns(half: Half | None, prefix: str) -> dict[str, Any]:
    names = ("value", "rank_ms", "rank_seq", "event_id", "generation", "lane", "partition", "offset")
    return {prefix + name: None if half is None else getattr(half, name) for name in names}


async def standing(connection: Any) -> dict[tuple[bytes, bytes], dict[str, Any]]:
    rows = [dict(row) for row in await connection.fetch("select * from standing")]
    for row in rows:
        row.pop("controller_id")
    return {(row.pop("subject_id"), row.pop("row_key")): row for row in rows}
