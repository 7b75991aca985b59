"""How questions are asked: the names that every ledger of the SDK has, async, sync and in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from ledger.sdk.answers import Ask, HasPosition, position_token
from ledger.sdk.people import Person, checked_person

__all__ = ["Asking"]

DecisionT = TypeVar("DecisionT")
DecisionsT = TypeVar("DecisionsT")
StandingT = TypeVar("StandingT")
HistoryT = TypeVar("HistoryT")


class Asking(ABC, Generic[DecisionT, DecisionsT, StandingT, HistoryT]):
    """Ask what may be done with a person's data, and what is known of them.

    A check does not raise when the ledger cannot be reached: it denies with the reason ``unavailable``.
    """

    @abstractmethod
    def _check(self, ask: Ask, at_least: str | None, wait_ms: int | None, *, require: bool) -> DecisionT: ...

    @abstractmethod
    def _check_many(self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None) -> DecisionsT: ...

    @abstractmethod
    def _standing(self, person: Person) -> StandingT: ...

    @abstractmethod
    def _history(self, person: Person, cursor: str | None) -> HistoryT: ...

    def check(
        self,
        person: Person,
        *,
        purpose: str,
        channel: str | None = None,
        recipient: str | None = None,
        category: str | None = None,
        item: str | None = None,
        at_least: str | HasPosition | None = None,
        wait_ms: int | None = None,
    ) -> DecisionT:
        """May this be done? A decision that is false for deny, unknown, stale and down.

        ``at_least`` (a position or what was :class:`~ledger.sdk.Saved`) makes the answer include that act; the
        ledger waits up to ``wait_ms`` for it (default 2,000, at most 10,000) and denies otherwise.
        """
        ask = Ask(person, purpose, channel=channel, recipient=recipient, category=category, item=item)
        return self._check(ask, position_token(at_least), wait_ms, require=False)

    def require(
        self,
        person: Person,
        *,
        purpose: str,
        channel: str | None = None,
        recipient: str | None = None,
        category: str | None = None,
        item: str | None = None,
        at_least: str | HasPosition | None = None,
        wait_ms: int | None = None,
    ) -> DecisionT:
        """As :meth:`check`, but a deny raises ``Denied``, which carries the decision."""
        ask = Ask(person, purpose, channel=channel, recipient=recipient, category=category, item=item)
        return self._check(ask, position_token(at_least), wait_ms, require=True)

    def check_many(
        self, asks: Iterable[Ask], *, at_least: str | HasPosition | None = None, wait_ms: int | None = None
    ) -> DecisionsT:
        """The decisions on many :class:`~ledger.sdk.Ask`, in their order, in few requests."""
        return self._check_many(list(asks), position_token(at_least), wait_ms)

    def standing(self, person: Person) -> StandingT:
        """What currently holds for the person, row by row, with the position it was read at (scope read)."""
        return self._standing(checked_person(person))

    def history(self, person: Person, *, cursor: str | None = None) -> HistoryT:
        """One page of the person's events, oldest first; ``next_cursor`` leads to the next (scope read)."""
        return self._history(checked_person(person), cursor)
