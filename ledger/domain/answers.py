"""The answer to a question: allow or deny, why, and by which events."""

from collections.abc import Iterable

import msgspec

from ledger.domain.catalogue import Basis, Catalogue
from ledger.domain.reasons import REASONS
from ledger.domain.rows import Half
from ledger.domain.scopes import Question
from ledger.errors import Denied

__all__ = ["Decision", "deny"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: false when it denies.

    ``reason`` is exactly one code of :mod:`ledger.domain.reasons`; ``deciding_events`` are event ids in hex;
    ``position`` is the token of what was read, ``staleness_ms`` the age of that reading by the asking clock.
    """

    allowed: bool
    reason: str
    purpose: str
    channel: str | None = None
    basis: str | None = None
    deciding_events: tuple[str, ...] = ()
    notice: str | None = None
    obligations: tuple[str, ...] = ()
    catalogue_version: int | None = None
    position: str | None = None
    staleness_ms: int | None = None
    retryable: bool = False

    def __bool__(self) -> bool:
        return self.allowed

    def require(self) -> "Decision":
        """The decision itself if it allows; raises ``Denied`` otherwise."""
        if not self.allowed:
            raise Denied(self, self.reason)
        return self


def deny(
    question: Question,
    reason: str,
    *,
    catalogue: Catalogue | None = None,
    basis: Basis | None = None,
    deciding: Iterable[Half] = (),
    notice: str | None = None,
) -> Decision:
    """A deny with one reason code."""
    return Decision(
        allowed=False,
        reason=reason,
        purpose=question.purpose,
        channel=question.channel,
        basis=basis.value if basis else None,
        deciding_events=tuple(half.event_id.hex() for half in deciding),
        notice=notice,
        catalogue_version=catalogue.version if catalogue else None,
        retryable=REASONS[reason].retryable,
    )
