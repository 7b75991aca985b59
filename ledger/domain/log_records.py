"""A record of the log as bytes, and what can be said of it without decoding it: its digest, its schema's fingerprint."""

import hashlib
import struct
from typing import Final, Protocol

__all__ = ["NO_CHAIN", "RawRecord", "chained", "record_digest", "schema_fingerprint"]

NO_CHAIN: Final = bytes(32)
"""The chain of a partition before its first record."""

SINGLE_OBJECT_MARK: Final = b"\xc3\x01"
_NULL_LENGTH: Final = -1
_DIGEST_HEAD: Final = struct.Struct(">qii").pack


class RawRecord(Protocol):
    """One record as Kafka hands it out (aiokafka's ``ConsumerRecord`` is one). ``timestamp`` is broker time in ms."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def record_digest(key: bytes | None, value: bytes | None, broker_ms: int) -> bytes:
    """SHA-256 over broker time (8 bytes), the lengths of key and value (4 each, -1 for null), key and value.

    Covers what order depends on and what is in no byte of the record itself, the broker time (races.md, D45).
    Headers are left out: nothing the ledger needs is in one.
    """
    key_length = _NULL_LENGTH if key is None else len(key)
    value_length = _NULL_LENGTH if value is None else len(value)
    head = _DIGEST_HEAD(broker_ms, key_length, value_length)
    return hashlib.sha256(b"".join((head, key or b"", value or b""))).digest()


def chained(chain: bytes, digest: bytes) -> bytes:
    """The chain after one more record: SHA-256 over the chain so far and the record's digest.

    It commits to every record of the partition in its order, from offset 0 on.
    """
    return hashlib.sha256(chain + digest).digest()


def schema_fingerprint(value: bytes | None) -> bytes | None:
    """The CRC-64-AVRO fingerprint in the framing of a record, if it has one (Avro 1.12, single-object encoding)."""
    if value is None or len(value) < 10 or not value.startswith(SINGLE_OBJECT_MARK):
        return None
    return value[2:10]
