"""The workers and the API that tests share when they do not disturb them."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.support.services import Handle, Stack

__all__ = ["Live"]


class Live(NamedTuple):
    """A running fold and API on the session's stack."""

    stack: "Stack"
    fold: "Handle"
    api: "Handle"

    @property
    def url(self) -> str:
        return self.api.url
