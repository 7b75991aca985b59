"""Every event survives the log unchanged, and no bytes whatsoever end the fold."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.events import Event
from ledger.errors import MalformedRecord
from ledger.event_log import codec
from ledger.event_log.schemas import load
from tests.support.events import EXAMPLES, events

CODES = {"malformed_record", "unknown_schema", "record_too_large", "trailing_bytes"}
HEADERS = [b"\xc3\x01" + fingerprint for fingerprint in load().by_fingerprint]


def read(value: bytes) -> Event | str:
    try:
        return codec.decode(value)
    except MalformedRecord as error:
        return error.code


@given(events)
def test_what_is_read_is_what_was_written(event: Event) -> None:
    assert codec.decode(codec.encode(event)) == event


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_malformed_and_never_anything_worse(value: bytes) -> None:
    assert read(value) in CODES


@given(st.sampled_from(HEADERS), st.binary(max_size=300))
def test_arbitrary_bytes_behind_a_true_fingerprint_are_an_event_or_malformed(
    header: bytes, body: bytes
) -> None:
    found = read(header + body)
    assert found in CODES if isinstance(found, str) else codec.decode(codec.encode(found)) == found


@given(st.sampled_from(EXAMPLES), st.data())
def test_an_altered_record_is_an_event_that_can_be_written_or_malformed(
    event: Event, data: st.DataObject
) -> None:
    value = bytearray(codec.encode(event))
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    found = read(bytes(value))
    assert found in CODES if isinstance(found, str) else codec.decode(codec.encode(found)) == found


@given(events, st.data())
def test_a_record_cut_off_anywhere_is_malformed(event: Event, data: st.DataObject) -> None:
    value = codec.encode(event)
    assert read(value[: data.draw(st.integers(0, len(value) - 1))]) == "malformed_record"


@given(events, st.binary(min_size=1, max_size=20))
def test_bytes_after_the_end_are_found(event: Event, surplus: bytes) -> None:
    assert read(codec.encode(event) + surplus) == "trailing_bytes"
