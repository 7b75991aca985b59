"""Events to bytes and back: Avro in single-object framing, strict in both directions.

``C3 01``, eight bytes of fingerprint (little-endian), then the body (Avro 1.12, "Single-object encoding"). Whatever
is wrong with bytes, :func:`decode` raises ``MalformedRecord`` and nothing else, since one bad record must never end
a fold. Measured: 16 us to decode a grant, 27 us to encode it.
"""

from io import BytesIO
from typing import Any, Final, NamedTuple

import msgspec
from fastavro import schemaless_reader, schemaless_writer

from ledger.domain.catalogue import MAX_DOCUMENT_BYTES
from ledger.domain.events import CataloguePublished, Event
from ledger.errors import MalformedRecord, Rejected
from ledger.event_log.bounds import UNKNOWN_SYMBOL, Bounds, compile_bounds, first_outside
from ledger.event_log.schemas import FINGERPRINT_BYTES, EventSchema, load

__all__ = ["MAX_CATALOGUE_RECORD_BYTES", "MAX_RECORD_BYTES", "decode", "encode"]

MAX_RECORD_BYTES: Final = 65_536
"""The largest value on the log, framing included. Kafka's own limit is far above."""

MAX_CATALOGUE_RECORD_BYTES: Final = MAX_DOCUMENT_BYTES + 4_096
"""The same for a version of a catalogue, which holds every text that people are shown, in every language."""

_MARK: Final = b"\xc3\x01"
_HEADER_BYTES: Final = len(_MARK) + FINGERPRINT_BYTES


class _Reading(NamedTuple):
    event_type: type[Event]
    parsed: Any
    bounds: Bounds


class _Writing(NamedTuple):
    header: bytes
    parsed: Any
    bounds: Bounds
    droppable: frozenset[str]


def decode(value: bytes) -> Event:
    """The event in the value of a record.

    Raises ``MalformedRecord`` with the code ``record_too_large``, ``unknown_schema``, ``trailing_bytes`` or, for
    everything else (no framing, cut off, wrong UTF-8, a symbol or number out of range), ``malformed_record``.
    """
    if not value or len(value) < _HEADER_BYTES or not value.startswith(_MARK):
        raise MalformedRecord("malformed_record", "The record has no framing of ours.")
    reading = _READERS.get(value[2:_HEADER_BYTES])
    if len(value) > (MAX_RECORD_BYTES if reading is None else _limit(reading.event_type)):
        raise MalformedRecord("record_too_large", size=len(value))
    if reading is None:
        raise MalformedRecord("unknown_schema", fingerprint=value[2:_HEADER_BYTES].hex())
    stream = BytesIO(value)
    stream.seek(_HEADER_BYTES)
    try:
        fields: Any = schemaless_reader(stream, reading.parsed, None)
        if stream.tell() == len(value):
            outside = first_outside(fields, reading.bounds)
            if outside is None:
                return msgspec.convert(fields, reading.event_type)
        else:
            raise MalformedRecord("trailing_bytes", count=len(value) - stream.tell())
    except MalformedRecord:
        raise
    except (
        Exception
    ) as error:  # the reader has no one error of its own: EOFError, IndexError, ValueError, ...
        raise MalformedRecord(
            "malformed_record", "The record's body cannot be read.", cause=type(error).__name__
        ) from error
    raise MalformedRecord("malformed_record", f"The record's {outside} is out of range.", field=outside)


def encode(event: Event) -> bytes:
    """The value of the record that holds ``event``, in the newest version of its schema.

    Types, widths and surplus fields are checked, the syntax of ids is not (that is ``domain.admission``). Names in
    ``dropped_fields`` that the schema has no symbol for are written as ``unknown``: a protective act is never lost
    for what was wrong with it. Raises ``Rejected(event_invalid)``, or ``Rejected(record_too_large)``.
    """
    writing = _WRITERS.get(type(event))
    if writing is None:
        raise Rejected("event_invalid", f"{type(event).__name__} is no event of the log.")
    try:
        # A frozen struct checks nothing when it is made, so its types are checked here.
        fields = msgspec.to_builtins(event, builtin_types=(bytes,))
        msgspec.convert(fields, type(event))
        outside = first_outside(fields, writing.bounds)
        if outside is not None:
            raise Rejected("event_invalid", f"{outside} is out of range.", field=outside)
        if "envelope" in fields:
            _name_dropped(fields["envelope"], writing.droppable)
        stream = BytesIO()
        stream.write(writing.header)
        schemaless_writer(stream, writing.parsed, fields, strict=True)
    except (msgspec.ValidationError, TypeError, ValueError, AttributeError, OverflowError, KeyError) as error:
        # Which field, not its value: what is wrong with a field may be that it holds an address.
        raise Rejected("event_invalid", _without_value(error), cause=type(error).__name__) from None
    value = stream.getvalue()
    limit = _limit(type(event))
    if len(value) > limit:
        raise Rejected("record_too_large", f"The event takes {len(value)} bytes, {limit} at most.")
    return value


def _limit(event_type: type[Event]) -> int:
    return MAX_CATALOGUE_RECORD_BYTES if event_type is CataloguePublished else MAX_RECORD_BYTES


def _name_dropped(envelope: dict[str, Any], droppable: frozenset[str]) -> None:
    dropped = envelope["dropped_fields"]
    if dropped:
        envelope["dropped_fields"] = [name if name in droppable else UNKNOWN_SYMBOL for name in dropped]


def _without_value(error: Exception) -> str | None:
    """Where the fault is: msgspec tells the place as a path, and some of its messages quote the value before it."""
    _, found, place = str(error).rpartition(" - at `$.")
    return f"{place.rstrip('`')} does not have its type." if found else None


def _writing(schema: EventSchema) -> _Writing:
    return _Writing(
        header=_MARK + schema.fingerprint,
        parsed=schema.parsed,
        bounds=compile_bounds(schema.standalone, written=False),
        droppable=_symbols_of_dropped(schema),
    )


def _symbols_of_dropped(schema: EventSchema) -> frozenset[str]:
    first = schema.standalone["fields"][0]
    if first["name"] != "envelope":
        return frozenset()
    (dropped,) = [field for field in first["type"]["fields"] if field["name"] == "dropped_fields"]
    return frozenset(dropped["type"]["items"]["symbols"])


_READERS: Final = {
    fingerprint: _Reading(schema.event_type, schema.parsed, compile_bounds(schema.standalone, written=True))
    for fingerprint, schema in load().by_fingerprint.items()
}
_WRITERS: Final = {kind: _writing(schema) for kind, schema in load().newest.items()}
