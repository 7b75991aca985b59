"""The ledger for code without an event loop: the same names, the values instead of awaitables.

::

    from ledger.sdk.sync import Ledger, email

    with Ledger.connect() as ledger:
        if ledger.check(email("anna@example.se"), purpose="newsletter", channel="email"):
            send()

Safe for threads, and for a fork (gunicorn, multiprocessing): each process connects by itself at its first call.
"""

from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from ledger import sdk
from ledger.domain.decision import Decision
from ledger.domain.evidence import Evidence
from ledger.errors import (
    ConfigurationError,
    Conflict,
    Denied,
    Forbidden,
    LedgerError,
    NotAwaited,
    NotFound,
    Rejected,
    Unauthorised,
    Unavailable,
)
from ledger.sdk import loop_thread
from ledger.sdk.answers import Ask, FieldReport, HistoryPage, Link, Outranking, RecordedEvent, Saved, Standing
from ledger.sdk.asking import Asking
from ledger.sdk.client import TransportName
from ledger.sdk.linking import Linking
from ledger.sdk.people import Person, account, email, phone, subject_id
from ledger.sdk.recording import Recording
from ledger.sdk.requesting import Requesting
from ledger.sdk.rights_requests import ErasureTerms, Held, HolderProgress, RequestsPage, RightsRequest
from ledger.sdk.statements import Statement

__all__ = [
    "Ask",
    "ConfigurationError",
    "Conflict",
    "Decision",
    "Denied",
    "Evidence",
    "FieldReport",
    "Forbidden",
    "Held",
    "HistoryPage",
    "HolderProgress",
    "Ledger",
    "LedgerError",
    "Link",
    "NotAwaited",
    "NotFound",
    "Outranking",
    "Person",
    "RecordedEvent",
    "Rejected",
    "RequestsPage",
    "RightsRequest",
    "Saved",
    "Standing",
    "Unauthorised",
    "Unavailable",
    "account",
    "email",
    "phone",
    "subject_id",
]

AnswerT = TypeVar("AnswerT")


class Ledger(
    Recording[Saved],
    Asking[Decision, list[Decision], Standing, HistoryPage],
    Requesting[RightsRequest, RequestsPage],
    Linking[Link],
):
    """Records acts, asks for decisions and follows rights requests, blocking the calling thread. Must not be called from an event loop."""

    def __init__(self, make: Callable[[], sdk.Ledger]) -> None:
        self._make = make

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        api_key: str | None = None,
        *,
        transport: TransportName = "http",
        bootstrap: str | None = None,
        controller: str | None = None,
        source: str | None = None,
    ) -> Self:
        """As :meth:`ledger.sdk.Ledger.connect`. Settings are read now, connections made at the first call."""

        def make() -> sdk.Ledger:
            return sdk.Ledger.connect(
                url, api_key, transport=transport, bootstrap=bootstrap, controller=controller, source=source
            )

        # Made once to be thrown away: a missing setting is to be heard now and here, not in a worker's first call.
        make()
        return cls(make)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends what is under way, within its deadline, and closes the connections of this process."""
        loop_thread.close(self)

    def _run(self, ask: Callable[[sdk.Ledger], Coroutine[Any, Any, AnswerT]]) -> AnswerT:
        return loop_thread.run(ask(loop_thread.opened(self, self._make)))

    def _record(self, statement: Statement) -> Saved:
        return self._run(lambda inner: inner._record(statement))

    def _check(self, ask: Ask, at_least: str | None, wait_ms: int | None, *, require: bool) -> Decision:
        return self._run(lambda inner: inner._check(ask, at_least, wait_ms, require=require))

    def _check_many(self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None) -> list[Decision]:
        return self._run(lambda inner: inner._check_many(asks, at_least, wait_ms))

    def _standing(self, person: Person) -> Standing:
        return self._run(lambda inner: inner._standing(person))

    def _history(self, person: Person, cursor: str | None) -> HistoryPage:
        return self._run(lambda inner: inner._history(person, cursor))

    def _link(self, person: Person, other: Person) -> Link:
        return self._run(lambda inner: inner._link(person, other))

    def _request(self, terms: ErasureTerms) -> RightsRequest:
        return self._run(lambda inner: inner._request(terms))

    def _prove(self, request_id: bytes) -> RightsRequest:
        return self._run(lambda inner: inner._prove(request_id))

    def _show_request(self, request_id: bytes) -> RightsRequest:
        return self._run(lambda inner: inner._show_request(request_id))

    def _list_requests(self, state: str | None, overdue: bool | None, cursor: str | None) -> RequestsPage:
        return self._run(lambda inner: inner._list_requests(state, overdue, cursor))
