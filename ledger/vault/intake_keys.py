"""What an idempotency key stood for: the same request again is told from another one, for seven days.

The row is committed before the append. A crash between the two leaves a row without a position, and the retry
appends under the same act id, as a record that may be a repeat; that is harmless by the rules of standing.

Neither key nor content is stored, only their HMACs: callers use keys such as ``signup-anna@example.se``
(races.md, D48).
"""

import hashlib
import hmac
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from ledger.read_model import pool, sql

__all__ = ["Claim", "ClaimOutcome", "IntakeKeys"]

KEPT_DAYS: Final = 7
MAC_BYTES: Final = 16
FIRST_SLOT: Final = bytes(MAC_BYTES)
PURGE_BATCH: Final = 5_000

_QUERIES: Final = "ledger.vault.queries"


class ClaimOutcome(str, Enum):
    NEW = "new"
    REPEAT = "repeat"
    OTHER_CONTENT = "other_content"


class Claim(NamedTuple):
    """What a key stands for now.

    ``new``: append under ``act_id``; ``reused_key`` says that another act had this key before, to be reported.
    ``repeat``: the request was taken before, under ``act_id`` for ``subject_id``; without ``position`` its append
    was never acknowledged, so append again under ``act_id``, as a possible repeat.
    ``other_content``: the key belongs to another request, and this one is no protective act: refuse it.
    ``slot`` and ``key_mac`` find the row again for :meth:`IntakeKeys.complete`.
    """

    outcome: ClaimOutcome
    act_id: bytes
    subject_id: bytes
    position: str | None
    reused_key: bool
    slot: bytes
    key_mac: bytes


class IntakeKeys:
    """The table ``vault.intake_key`` through a pool; ``mac_key`` is ``Secrets.intake_mac_key``."""

    def __init__(self, vault: Any, mac_key: bytes) -> None:
        self._vault = vault
        self._mac_key = mac_key

    async def claim(
        self,
        *,
        controller_id: int,
        source: str,
        key: str,
        content: bytes,
        protective: bool,
        act_id: bytes,
        subject_id: bytes,
    ) -> Claim:
        """What ``key`` stands for, made to stand for this request if it was free; durable on return.

        ``content`` is the request in a canonical form, times aside. It counts together with the subject: the same
        words about another person are other content. A protective act under a used key gets a slot of its own
        instead of a refusal, and its repeats find that slot.
        """
        key_mac = self._mac(b"key", controller_id, source, key.encode())
        content_mac = self._mac(b"content", controller_id, source, subject_id + content)
        async with pool.borrowed(self._vault) as connection:
            for slot in (FIRST_SLOT, content_mac) if protective else (FIRST_SLOT,):
                row = await connection.fetchrow(
                    sql.load("intake_key_claim", _QUERIES),
                    controller_id, source, key_mac, slot, content_mac, act_id, subject_id, KEPT_DAYS,
                )  # fmt: skip
                if row["content_mac"] == content_mac:
                    break
        return Claim(
            outcome=_outcome(row, act_id, content_mac),
            act_id=row["act_id"],
            subject_id=row["subject_id"],
            position=row["position"],
            reused_key=slot != FIRST_SLOT,
            slot=slot,
            key_mac=key_mac,
        )

    async def find(
        self, *, controller_id: int, source: str, key: str, content: bytes, subject_id: bytes
    ) -> Claim | None:
        """What ``key`` stands for if it stands for this very request, or None; claims nothing."""
        key_mac = self._mac(b"key", controller_id, source, key.encode())
        content_mac = self._mac(b"content", controller_id, source, subject_id + content)
        async with pool.borrowed(self._vault) as connection:
            row = await connection.fetchrow(
                sql.load("intake_key_find", _QUERIES),
                controller_id, source, key_mac, [FIRST_SLOT, content_mac], content_mac, KEPT_DAYS,
            )  # fmt: skip
        if row is None:
            return None
        return Claim(
            outcome=ClaimOutcome.REPEAT,
            act_id=row["act_id"],
            subject_id=row["subject_id"],
            position=row["position"],
            reused_key=row["slot"] != FIRST_SLOT,
            slot=row["slot"],
            key_mac=key_mac,
        )

    async def complete(self, *, controller_id: int, source: str, claim: Claim, position: str) -> None:
        """Remembers the position at which the claimed act was acknowledged, for the answers to its repeats."""
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("intake_key_complete", _QUERIES),
                controller_id, source, claim.key_mac, claim.slot, claim.act_id, position,
            )  # fmt: skip

    async def purge(self) -> int:
        """Deletes up to 5,000 keys older than seven days and says how many; call again while it is that many."""
        async with pool.borrowed(self._vault) as connection:
            deleted: int = await connection.fetchval(
                sql.load("intake_key_purge", _QUERIES), KEPT_DAYS, PURGE_BATCH
            )
            return deleted

    def _mac(self, what: bytes, controller_id: int, source: str, value: bytes) -> bytes:
        message = msgspec.msgpack.encode((what, controller_id, source, value))
        return hmac.new(self._mac_key, message, hashlib.sha256).digest()[:MAC_BYTES]


def _outcome(row: Any, act_id: bytes, content_mac: bytes) -> ClaimOutcome:
    if row["content_mac"] != content_mac:
        return ClaimOutcome.OTHER_CONTENT
    # The statement gives back the row as it now is: ours bears the act id that was drawn for this request.
    return ClaimOutcome.NEW if row["act_id"] == act_id and row["fresh"] else ClaimOutcome.REPEAT
