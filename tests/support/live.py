"""The workers and the API that tests share when they do not disturb them."""

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tests.support.services import Handle, Stack

__all__ = ["SHORT_WAITS", "Live"]

SHORT_WAITS: Final = {
    "LEDGER_SUBJECT_CACHE_SECONDS": "3",
    "LEDGER_APPEND_DEADLINE_SECONDS": "4",
    "LEDGER_SETTLE_MARGIN_SECONDS": "1",
}
"""What an erasure waits for, so short that a test can wait as well, and long enough for a busy machine."""


class Live(NamedTuple):
    """A running fold, API and reactions on the session's stack."""

    stack: "Stack"
    fold: "Handle"
    api: "Handle"
    reactions: "Handle"

    @property
    def url(self) -> str:
        return self.api.url
