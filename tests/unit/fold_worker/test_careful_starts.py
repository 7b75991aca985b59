"""A record that ends the process is found by counted starts, and no other record is set aside for it."""

from aiokafka import TopicPartition

from ledger.read_model.folding.claims import Taken
from ledger.read_model.folding.records import Progress
from projections.held import MAX_BATCH_RECORDS, Held, next_attempt
from tests.support.log_records import partition

OF = partition()


def held(next_offset: int, crash_offset: int | None = None, crash_count: int = 0) -> Held:
    progress = Progress(next_offset=next_offset, last_digest=bytes(32), stamp_ms=0, clock_floor_ms=0)
    taken = Taken(
        key=OF.key,
        owner=bytes(16),
        genesis_id=OF.genesis_id,
        progress=progress,
        previous_owner=None,
        crash_offset=crash_offset,
        crash_count=crash_count,
        refused=None,
    )
    return Held(
        at=TopicPartition(OF.topic, 0),
        partition=OF,
        taken=taken,
        committed=progress,
        prepared=progress,
        crash_offset=crash_offset,
        crash_count=crash_count,
        unclean=True,
    )


def starts_until_set_aside(first: int, killer: int) -> tuple[int, frozenset[int]]:
    """Plays starts of a worker that ends whenever it decodes ``killer``; batches begin at ``first``."""
    current = held(first)
    for start in range(1, 20):
        if start > 1:
            current.crash_offset, current.crash_count = next_attempt(current)
        if killer in current.set_aside:
            return start, current.set_aside
        if current.is_narrow:
            # Everything before the killer is committed, one by one.
            current = held(killer, current.crash_offset, current.crash_count)
    raise AssertionError("never set aside")


def test_a_killer_at_the_position_is_set_aside_at_the_fifth_start() -> None:
    assert starts_until_set_aside(10, 10) == (5, frozenset({10}))


def test_a_killer_inside_a_batch_is_found_and_it_alone_is_set_aside() -> None:
    assert starts_until_set_aside(10, 700) == (6, frozenset({700}))


def test_kills_from_outside_that_leave_progress_are_not_counted_together() -> None:
    current = held(1)
    for offset in range(1, 20_000, 1_500):
        current = held(offset, current.crash_offset, current.crash_count)
        current.crash_offset, current.crash_count = next_attempt(current)
        assert current.crash_count == 1
        assert not current.is_narrow and current.set_aside == frozenset()


def test_records_are_taken_singly_only_as_far_as_a_batch_would_have_reached() -> None:
    assert held(10, 10, 3).is_narrow
    assert held(10 + MAX_BATCH_RECORDS - 1, 10, 3).is_narrow
    assert not held(10 + MAX_BATCH_RECORDS, 10, 3).is_narrow
    assert not held(10, 10, 2).is_narrow
