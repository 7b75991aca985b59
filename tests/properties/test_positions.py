"""Positions are a join too: by maximum, in any order; and a token is the position."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.events import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import Rejected

entries = st.builds(
    PositionEntry,
    log_id=st.sampled_from((b"L" * 16, b"M" * 16)),
    generation=st.integers(1, 2),
    lane=st.sampled_from(Lane),
    partition=st.integers(0, 2),
    next_offset=st.one_of(st.integers(0, 5), st.integers(0, 2**62 - 1)),
    stamp_ms=st.one_of(st.integers(0, 5), st.integers(0, 2**63 - 1)),
)
positions = st.lists(entries, max_size=6).map(lambda found: Position.of(*found))
FEW = settings(max_examples=60)


@given(positions, positions, positions)
@FEW
def test_merging_is_associative_commutative_and_idempotent(a: Position, b: Position, c: Position) -> None:
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(a) == a


@given(positions, positions)
@FEW
def test_a_merged_position_reaches_both_and_nothing_is_reached_by_less(a: Position, b: Position) -> None:
    both = a.merge(b)
    assert a.reached_by(both) and b.reached_by(both)
    if both.reached_by(a):
        assert b.reached_by(a)


@given(positions)
@FEW
def test_a_token_is_the_position(position: Position) -> None:
    assert Position.decode(position.encode()) == position


@given(st.one_of(st.text(max_size=40), st.binary(max_size=30).map(lambda raw: "p1." + raw.hex())))
@FEW
def test_any_other_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    try:
        position = Position.decode(text)
    except Rejected as refusal:
        assert refusal.code == "position_malformed"
    else:
        assert Position.decode(position.encode()) == position
