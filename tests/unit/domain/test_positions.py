"""Positions merge by maximum and travel as tokens that callers cannot bend."""

import zlib
from base64 import urlsafe_b64encode

import msgspec
import pytest

from ledger.domain.events import Lane, Seen
from ledger.domain.positions import MAX_TOKEN_CHARACTERS, Position, PositionEntry
from ledger.errors import Rejected

LOG = b"L" * 16


def entry(next_offset: int = 5, **changed: object) -> PositionEntry:
    fields: dict[str, object] = {
        "log_id": LOG, "generation": 1, "lane": Lane.LIVE, "partition": 0, "next_offset": next_offset,
        "stamp_ms": 1_000 + next_offset,
    }  # fmt: skip
    return PositionEntry(**(fields | changed))  # type: ignore[arg-type]


def token(*entries: tuple[object, ...], checksum: int = 0) -> str:
    packed = msgspec.msgpack.encode(list(entries))
    crc = (zlib.crc32(packed) ^ checksum).to_bytes(4, "big")
    return "p1." + urlsafe_b64encode(packed + crc).rstrip(b"=").decode()


def test_a_position_keeps_the_furthest_entry_of_each_partition() -> None:
    far, near, other = entry(9), entry(3), entry(1, partition=1)
    assert Position.of(near, far, other) == Position.of(other, far) == Position((far, other))
    assert Position.of(near).merge(Position.of(far)) == Position.of(far)
    assert Position.of(far).merge(Position()) == Position.of(far)


@pytest.mark.parametrize(
    "changed", [{"log_id": b"M" * 16}, {"generation": 2}, {"lane": Lane.BACKFILL}, {"partition": 1}]
)
def test_partitions_of_other_logs_generations_and_lanes_are_apart(changed: dict[str, object]) -> None:
    own, other = entry(5), entry(9, **changed)
    position = Position.of(own, other)
    assert set(position.entries) == {own, other}
    assert position.entry(own.key) == own
    assert Position.of(own).entry(other.key) is None
    assert not Position.of(own).reached_by(Position.of(other))


def test_of_two_stamps_for_one_offset_the_later_counts() -> None:
    early, late = entry(5, stamp_ms=1), entry(5, stamp_ms=2)
    assert Position.of(early, late) == Position.of(late, early) == Position((late,))


def test_reached_means_as_far_in_every_partition_named() -> None:
    wanted = Position.of(entry(5), entry(3, partition=1))
    assert wanted.reached_by(Position.of(entry(5), entry(4, partition=1), entry(0, partition=2)))
    assert not wanted.reached_by(Position.of(entry(4), entry(9, partition=1)))
    assert not wanted.reached_by(Position.of(entry(5)))
    assert Position().reached_by(Position())


def test_an_act_carries_an_entry_as_what_was_seen() -> None:
    assert entry(5).seen() == Seen(
        log_id=LOG, generation=1, lane=Lane.LIVE, partition=0, next_offset=5, stamp_ms=1_005
    )


def test_a_token_gives_back_the_position() -> None:
    for position in (Position(), Position.of(entry(5), entry(2**40, lane=Lane.BACKFILL, partition=23))):
        assert Position.decode(position.encode()) == position
        assert position.encode().startswith("p1.")


def test_a_position_of_forty_eight_partitions_fits_into_a_token() -> None:
    entries = [
        entry(2**41, lane=lane, partition=number, stamp_ms=2**41)
        for lane in (Lane.LIVE, Lane.BACKFILL) for number in range(24)
    ]  # fmt: skip
    encoded = Position.of(*entries).encode()
    assert len(encoded) < MAX_TOKEN_CHARACTERS
    assert len(Position.decode(encoded).entries) == 48


def test_a_token_in_another_order_or_with_doubles_is_the_same_position() -> None:
    a, b = (LOG, 1, 0, 0, 5, 1_005), (LOG, 1, 0, 1, 3, 1_003)
    assert Position.decode(token(b, a, b)) == Position.of(entry(5), entry(3, partition=1))


@pytest.mark.parametrize(
    "text",
    [
        "", "p1.", "p2." + Position.of(entry()).encode()[3:], "p1.!!!", "p1.AAAA", "p1.AAAAA", "p1.åäö",
        Position.of(entry()).encode()[:-1], Position.of(entry()).encode()[:-4], "p1." + "A" * MAX_TOKEN_CHARACTERS,
        token((LOG, 1, 0, 0, 5, 1), checksum=1),
        token((LOG, 1, 4, 0, 5, 1)), token((LOG, 1, -1, 0, 5, 1)),
        token((LOG[:15], 1, 0, 0, 5, 1)), token((LOG + b"L", 1, 0, 0, 5, 1)),
        token((LOG, 2**31, 0, 0, 5, 1)), token((LOG, 1, 0, -1, 5, 1)), token((LOG, 1, 0, 2**31, 5, 1)),
        token((LOG, 1, 0, 0, -1, 1)), token((LOG, 1, 0, 0, 2**62, 1)),
        token((LOG, 1, 0, 0, 5, -1)), token((LOG, 1, 0, 0, 5, 2**63)),
        token((LOG, 1, 0, 0, 5)), token((LOG, 1, 0, 0, 5, 1, 1)), token(("x", 1, 0, 0, 5, 1)),
    ],
)  # fmt: skip
def test_whatever_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as raised:
        Position.decode(text)
    assert raised.value.code == "position_malformed"
