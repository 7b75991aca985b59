"""What an idempotency key stands for in a ledger in memory, for as long as the real intake remembers it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.errors import Conflict
from ledger.sdk.answers import Saved
from ledger.sdk.direct import Part
from ledger.sdk.statements import Statement

__all__ = ["MemoryKeys", "content_of"]

KEY_LIFE_MS: Final = 7 * 24 * 3600 * 1000


class _Remembered(msgspec.Struct, frozen=True):
    content: bytes
    saved: Saved
    at_ms: int


class MemoryKeys:
    """Tells a repeat from another act under the same key."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, bytes], _Remembered] = {}

    def claimed(self, statement: Statement, content: bytes, now_ms: int) -> tuple[Saved | None, bool]:
        """The answer to a repeat, if it is one, and whether the key belongs to another act.

        Raises ``Conflict(idempotency_key_reused)`` where there is no no that must be recorded all the same.
        """
        first = self._keys.get((statement.key, b""))
        if first is None or now_ms - first.at_ms >= KEY_LIFE_MS:
            return None, False
        if first.content == content:
            return first.saved, False
        if not statement.has_no:
            raise Conflict("idempotency_key_reused")
        again = self._keys.get((statement.key, content))
        return (again.saved if again else None), True

    def remember(self, statement: Statement, content: bytes, saved: Saved, now_ms: int) -> None:
        first = self._keys.get((statement.key, b""))
        taken = first is not None and now_ms - first.at_ms < KEY_LIFE_MS
        self._keys[(statement.key, content if taken else b"")] = _Remembered(content, saved, now_ms)


def content_of(subject: bytes, statement: Statement, parts: Sequence[Part]) -> bytes:
    """What tells a repeat from another act under the same key: everything but times, wait and ``seen``."""
    said = [msgspec.to_builtins(part.act) for part in parts]
    return subject + msgspec.json.encode(
        (statement.voice.value, statement.effective_from, said), order="sorted"
    )
