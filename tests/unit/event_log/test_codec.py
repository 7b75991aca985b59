"""What the codec takes and refuses, case by case; tests/properties/test_codec.py has the laws."""

import msgspec
import pytest

from ledger.domain.events import (
    CataloguePublished,
    ConsentGiven,
    ConsentWithdrawn,
    Event,
    Lane,
    PreferenceSet,
    Scope,
    Seen,
    Voice,
)
from ledger.errors import MalformedRecord, Rejected
from ledger.event_log import codec
from tests.support.events import EXAMPLES, ID, envelope

GRANT = EXAMPLES[0]
HEADER_BYTES = 10


def refusal(value: bytes) -> str:
    with pytest.raises(MalformedRecord) as caught:
        codec.decode(value)
    return caught.value.code


def rejection(event: object) -> Rejected:
    with pytest.raises(Rejected) as caught:
        codec.encode(event)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_every_type_of_event_is_read_as_it_was_written(event: Event) -> None:
    assert codec.decode(codec.encode(event)) == event


def test_a_record_begins_with_the_mark_and_fingerprint_of_single_object_encoding() -> None:
    value = codec.encode(GRANT)
    assert value[:2] == b"\xc3\x01"
    # Pinned: what stands on the log is found by these bytes for ever.
    assert value[2:HEADER_BYTES].hex() == "7e75c3765b204195"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "malformed_record"),
        (b"\xc3\x01", "malformed_record"),
        (b'{"purpose": "newsletter"}', "malformed_record"),
        (b"\x00\x00\x00\x00\x07" + bytes(20), "malformed_record"),
        (b"\xc3\x01" + bytes(8), "unknown_schema"),
        (b"\xc3\x01" + bytes(8) + b"rest", "unknown_schema"),
        (b"\xc3\x01" + bytes(codec.MAX_RECORD_BYTES), "record_too_large"),
        (codec.encode(GRANT)[:-1], "malformed_record"),
        (codec.encode(GRANT)[:HEADER_BYTES], "malformed_record"),
        (codec.encode(GRANT) + b"\x00", "trailing_bytes"),
    ],
)
def test_bytes_that_are_no_record_are_told_by_code(value: bytes, code: str) -> None:
    assert refusal(value) == code


def test_a_tombstone_is_malformed() -> None:
    assert refusal(None) == "malformed_record"  # type: ignore[arg-type]


def test_an_array_that_claims_more_items_than_there_are_bytes_is_malformed() -> None:
    value = codec.encode(msgspec.structs.replace(GRANT, envelope=envelope(dropped_fields=("notice",))))
    # One block of one item, symbol 6 ('notice'), end: read as a block of 2^62 items.
    body = value.replace(b"\x02\x0c\x00", b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x0c\x00", 1)
    assert body != value
    assert refusal(body) == "malformed_record"


def test_an_array_with_a_negative_length_and_no_end_is_malformed() -> None:
    value = codec.encode(msgspec.structs.replace(GRANT, envelope=envelope(dropped_fields=("notice",))))
    assert refusal(value.replace(b"\x02\x0c\x00", b"\x01\x02\x0c\x01", 1)) == "malformed_record"


def test_text_that_is_no_utf8_is_malformed() -> None:
    assert refusal(codec.encode(GRANT).replace(b"newsletter", b"\xff" * 10)) == "malformed_record"


def test_an_int_of_more_than_32_bits_is_malformed_since_tables_could_not_hold_it() -> None:
    seen = Seen(log_id=ID, generation=1, lane=Lane.LIVE, partition=0x1234567, next_offset=1, stamp_ms=1)
    value = codec.encode(msgspec.structs.replace(GRANT, envelope=envelope(seen=seen)))
    narrow = b"\xce\x95\x9a\x12"  # zigzag varint of 0x1234567
    assert value.count(narrow) == 1
    assert refusal(value.replace(narrow, b"\xce\x95\x9a\x92\x80\x01")) == "malformed_record"


@pytest.mark.parametrize("direction", ["unknown", "sideways", ""])
def test_a_direction_that_is_not_in_or_out_is_not_written(direction: str) -> None:
    assert (
        rejection(PreferenceSet(envelope=envelope(), scope=Scope(), direction=direction)).code
        == "event_invalid"
    )


def test_the_symbol_that_stands_for_a_newer_list_is_malformed_when_a_producer_writes_it() -> None:
    out = codec.encode(PreferenceSet(envelope=envelope(), scope=Scope(), direction="out"))
    # Body ends: direction symbol 2, topic null, message_class null.
    assert out[-3:] == b"\x04\x00\x00"
    assert refusal(out[:-3] + b"\x00\x00\x00") == "malformed_record"


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": bytes(15)},
        {"event_id": "0" * 16},
        {"act_index": 2**31},
        {"act_index": True},
        {"act_index": 1.0},
        {"occurred_at": 2**63},
        {"occurred_at": "2026-11-24"},
        {"waited_ms": -(2**63) - 1},
        {"controller": None},
        {"controller": b"klingit"},
        {"source": "\ud800"},
        {"stated_exactly": 1},
        {"voice": "nobody"},
        {"flight_margin": "five_minutes"},
        {"evidence_commitment": bytes(16)},
        {"catalogue_version": 2**31},
    ],
    ids=str,
)
def test_a_wrong_type_or_width_is_not_written(changes: dict[str, object]) -> None:
    event = ConsentWithdrawn(envelope=envelope(**changes), scope=Scope(purpose="newsletter"))
    assert rejection(event).code == "event_invalid"


def test_a_surplus_field_is_not_written() -> None:
    class Wider(ConsentGiven, frozen=True, kw_only=True):
        remark: str = "call me"

    wider = Wider(envelope=envelope(), scope=Scope(purpose="newsletter"), notice="signup@3")
    assert rejection(wider).code == "event_invalid"


def test_a_scope_with_a_surplus_field_is_not_written() -> None:
    class WiderScope(Scope, frozen=True, kw_only=True):
        remark: str = "call me"

    event = ConsentGiven(envelope=envelope(), scope=WiderScope(purpose="newsletter"), notice="signup@3")
    assert rejection(event).code == "event_invalid"


def test_a_refusal_to_write_never_repeats_the_value() -> None:
    event = ConsentWithdrawn(envelope=envelope(voice="anna@example.se"), scope=Scope())
    error = rejection(event)
    assert "anna" not in f"{error} {error.diagnostics()} {error.context}"
    assert "voice" in str(error)


def test_an_event_over_the_cap_is_not_written() -> None:
    event = ConsentWithdrawn(envelope=envelope(source="x" * codec.MAX_RECORD_BYTES), scope=Scope())
    assert rejection(event).code == "record_too_large"


def test_a_catalogue_may_be_larger_than_an_act_and_no_larger_than_its_own_cap() -> None:
    def catalogue(characters: int) -> CataloguePublished:
        return CataloguePublished(
            envelope=envelope(), version=1, effective_from_ms=0, digest=bytes(32), document="x" * characters
        )

    large = catalogue(2 * codec.MAX_RECORD_BYTES)
    assert codec.decode(codec.encode(large)) == large
    assert rejection(catalogue(codec.MAX_CATALOGUE_RECORD_BYTES)).code == "record_too_large"


def test_a_protective_act_is_written_whatever_the_names_of_its_dropped_fields_are() -> None:
    dropped = envelope(dropped_fields=("notice", "anna@example.se", "remark"))
    event = codec.decode(codec.encode(ConsentWithdrawn(envelope=dropped, scope=Scope(purpose="newsletter"))))
    assert isinstance(event, ConsentWithdrawn)
    assert event.envelope.dropped_fields == ("notice", "unknown", "unknown")


def test_enumerations_come_back_as_enumerations() -> None:
    event = codec.decode(codec.encode(EXAMPLES[1]))
    assert event.envelope.voice is Voice.PERSON  # type: ignore[union-attr]
