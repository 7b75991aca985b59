"""Rows join in any order, in any batches, as often as you like: standing is a function of the set of records."""

import itertools
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.events import SubjectEvent, content_digest
from ledger.domain.ranks import Record
from ledger.domain.rows import Detail, Half, Row, fold, merge
from ledger.domain.standing import rows_of
from tests.support.acts import envelopes, events, halves, stamped_logs

FEW = settings(max_examples=60)

Log = list[tuple[SubjectEvent, Record]]


def told(half: Half) -> tuple[Half, Detail]:
    """The half with a value and a detail that follow from its record: one record says one thing."""
    value = ("given", "withdrawn", "objected")[(half.rank_ms + half.offset) % 3]
    return msgspec.structs.replace(half, value=value), Detail(stamp_ms=half.rank_ms, waited_ms=half.offset)


def whole_row(shape: str, half: Half) -> Row:
    first, detail = told(half)
    return Row(row_key=KEY, shape=shape, voice="person", kind="consent", first=first, detail=detail)  # type: ignore[arg-type]


def half_row(shape: str, half: Half, leads: bool) -> Row:
    """As events write them: the detail comes with the first half."""
    told_half, detail = told(half)
    bare = Row(row_key=KEY, shape=shape, voice="person", kind="objection")  # type: ignore[arg-type]
    if leads:
        return msgspec.structs.replace(bare, first=told_half, detail=detail)
    return msgspec.structs.replace(bare, second=told_half)


KEY = b"k" * 16
SHAPES = {
    **{shape: st.builds(whole_row, st.just(shape), halves) for shape in ("yes", "no", "fact", "remark")},
    **{shape: st.builds(half_row, st.just(shape), halves, st.booleans()) for shape in ("pair", "episode")},
}


def standing(log: Sequence[tuple[SubjectEvent, Record]]) -> dict[bytes, Row]:
    return fold(row for event, record in log for row in rows_of(event, record))


@pytest.mark.parametrize("shape", SHAPES)
@given(data=st.data())
@settings(max_examples=60)
def test_joining_is_commutative_associative_and_idempotent(shape: str, data: st.DataObject) -> None:
    a, b, c = (data.draw(SHAPES[shape]) for _ in range(3))
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, a) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(stamped_logs(max_size=8), st.randoms(use_true_random=False))
@FEW
def test_any_order_of_stamped_records_gives_the_same_standing(log: Log, random: object) -> None:
    shuffled = list(log)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standing(shuffled) == standing(log)


@given(stamped_logs(max_size=8), st.lists(st.integers(0, 8), max_size=3))
@FEW
def test_any_batching_of_stamped_records_gives_the_same_standing(log: Log, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(log)]
    batches = [standing(log[low:high]) for low, high in itertools.pairwise(edges)]
    assert fold(row for batch in batches for row in batch.values()) == standing(log)


@given(stamped_logs(max_size=6))
@FEW
def test_folding_records_twice_changes_nothing(log: Log) -> None:
    assert standing(log + log) == standing(log)


@given(stamped_logs(min_size=1, max_size=6))
@FEW
def test_every_row_of_a_key_agrees_on_the_key_fields(log: Log) -> None:
    fields = (
        "shape",
        "voice",
        "kind",
        "purpose",
        "purpose_group",
        "channel",
        "recipient",
        "item",
        "category",
    )
    by_key: dict[bytes, tuple[object, ...]] = {}
    for event, record in log:
        for row in rows_of(event, record):
            key_fields = tuple(getattr(row, field) for field in (*fields, "instance"))
            assert by_key.setdefault(row.row_key, key_fields) == key_fields


@given(events, envelopes)
@FEW
def test_the_content_digest_ignores_times_waits_and_screens(event: SubjectEvent, other: object) -> None:
    envelope = event.envelope
    again = msgspec.structs.replace(
        other,
        voice=envelope.voice,
        effective_from=envelope.effective_from,
        origin=envelope.origin,
    )
    assert content_digest(msgspec.structs.replace(event, envelope=again)) == content_digest(event)


@given(events, events)
@FEW
def test_the_content_digest_tells_two_meanings_apart(one: SubjectEvent, other: SubjectEvent) -> None:
    assert (content_digest(one) == content_digest(other)) == (meaning(one) == meaning(other))


def meaning(event: SubjectEvent) -> object:
    body = {
        field: getattr(event, field)
        for field in event.__struct_fields__
        if field not in ("envelope", "episode_id")
    }
    return type(event), event.envelope.voice, event.envelope.effective_from, event.envelope.origin, body
