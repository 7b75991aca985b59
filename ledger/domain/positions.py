"""How far a log has been read, as a set of entries; also the read-your-writes token that callers carry."""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from ledger.domain.events import Lane, Seen
from ledger.errors import Rejected

TOKEN_PREFIX: Final = "p1."
MAX_TOKEN_CHARACTERS: Final = 8192
LOG_ID_BYTES: Final = 16

PartitionKey = tuple[bytes, int, int, int]


class PositionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Everything below ``next_offset`` of one partition. ``stamp_ms`` is the stamp of the record before it."""

    log_id: bytes
    generation: int
    lane: Lane
    partition: int
    next_offset: int
    stamp_ms: int

    @property
    def key(self) -> PartitionKey:
        """Which partition of which log, generation and lane."""
        return (self.log_id, self.generation, self.lane.number, self.partition)

    def seen(self) -> Seen:
        """The entry as an act carries it: what the person's screen had shown before the act."""
        return Seen(
            log_id=self.log_id,
            generation=self.generation,
            lane=self.lane,
            partition=self.partition,
            next_offset=self.next_offset,
            stamp_ms=self.stamp_ms,
        )


class Position(msgspec.Struct, frozen=True):
    """A set of entries, at most one for each partition, sorted by partition; equal sets are equal values."""

    entries: tuple[PositionEntry, ...] = ()

    @classmethod
    def of(cls, *entries: PositionEntry) -> "Position":
        """The position that covers all ``entries``, by maximum."""
        return cls().merge(cls._joined(entries))

    @classmethod
    def _joined(cls, entries: Iterable[PositionEntry]) -> "Position":
        best: dict[PartitionKey, PositionEntry] = {}
        for entry in entries:
            held = best.get(entry.key)
            if held is None or (entry.next_offset, entry.stamp_ms) > (held.next_offset, held.stamp_ms):
                best[entry.key] = entry
        return cls(tuple(best[key] for key in sorted(best)))

    def merge(self, other: "Position") -> "Position":
        """Both, by maximum in each partition: associative, commutative, idempotent."""
        return self._joined(self.entries + other.entries)

    def entry(self, key: PartitionKey) -> PositionEntry | None:
        """The entry of one partition, if there is one."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def reached_by(self, other: "Position") -> bool:
        """Whether ``other`` has read at least as far in every partition named here."""
        reached = {entry.key: entry.next_offset for entry in other.entries}
        return all(reached.get(entry.key, -1) >= entry.next_offset for entry in self.entries)

    def encode(self) -> str:
        """The token: opaque to callers, versioned, checked against slips of the hand, and not a secret."""
        packed = _encoder.encode(
            [
                (e.log_id, e.generation, e.lane.number, e.partition, e.next_offset, e.stamp_ms)
                for e in self.entries
            ]
        )
        checked = packed + zlib.crc32(packed).to_bytes(4, "big")
        return TOKEN_PREFIX + urlsafe_b64encode(checked).rstrip(b"=").decode("ascii")

    @classmethod
    def decode(cls, token: str) -> "Position":
        """The position in a token; raises ``Rejected(position_malformed)`` for everything else."""
        if not token.startswith(TOKEN_PREFIX) or len(token) > MAX_TOKEN_CHARACTERS:
            raise Rejected("position_malformed")
        text = token[len(TOKEN_PREFIX) :]
        try:
            checked = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            packed, checksum = checked[:-4], checked[-4:]
            if zlib.crc32(packed).to_bytes(4, "big") != checksum:
                raise Rejected("position_malformed")
            entries = _decoder.decode(packed)
            return cls._joined(
                PositionEntry(
                    log_id=_log_id(log_id),
                    generation=generation,
                    lane=Lane.of_number(lane),
                    partition=partition,
                    next_offset=next_offset,
                    stamp_ms=stamp_ms,
                )
                for log_id, generation, lane, partition, next_offset, stamp_ms in entries
            )
        except (binascii.Error, ValueError, IndexError, msgspec.MsgspecError) as error:
            raise Rejected("position_malformed") from error


def _log_id(value: bytes) -> bytes:
    if len(value) != LOG_ID_BYTES:
        raise ValueError("a log id has 16 bytes")
    return value


# What tables and schemas hold: a token that anybody can forge must not overflow a column further in.
_Int32 = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_Offset = Annotated[int, msgspec.Meta(ge=0, le=2**62 - 1)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[tuple[bytes, _Int32, _Int32, _Int32, _Offset, _Milliseconds]])
