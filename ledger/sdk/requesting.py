"""How rights requests are made and followed: the names that every ledger of the SDK has, async, sync and in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Generic, TypeVar

from ledger.sdk.people import Person
from ledger.sdk.rights_requests import ErasureTerms, erasure_terms, request_id_in

__all__ = ["Requesting"]

RequestT = TypeVar("RequestT")
PageT = TypeVar("PageT")


class Requesting(ABC, Generic[RequestT, PageT]):
    """Ask for a person's erasure, and see how far it has come (scope requests).

    A request is written down when the call returns, and carried out by the ledger from then on.
    """

    @abstractmethod
    def _request(self, terms: ErasureTerms) -> RequestT: ...

    @abstractmethod
    def _prove(self, request_id: bytes) -> RequestT: ...

    @abstractmethod
    def _show_request(self, request_id: bytes) -> RequestT: ...

    @abstractmethod
    def _list_requests(self, state: str | None, overdue: bool | None, cursor: str | None) -> PageT: ...

    def request_erasure(
        self,
        person: Person,
        *,
        categories: Iterable[str] = (),
        identity: str = "proven",
        holds: Mapping[str, datetime | date | str] | None = None,
        request_id: str | None = None,
        received_at: datetime | str | None = None,
    ) -> RequestT:
        """The person asks to be erased (GDPR art. 17(1)): of these categories, or altogether.

        ``identity="unproven"``: somebody asks who has not been shown to be the person; nothing happens before
        :meth:`prove_identity`. ``holds``: since when a hold of the catalogue applies to this person, such as
        ``{"invoices": date(2026, 3, 1)}``; its categories are kept until it ends. ``received_at``: when the person
        asked, if not now. One call is one request: pass ``request_id`` (32 hexadecimal digits, drawn at random)
        again to repeat it after an ``Unavailable``; it stands in the error's context.

        Raises ``NotFound(subject_unknown)`` when nothing is held about the person, ``Rejected`` for a category or
        hold that the catalogue does not declare.
        """
        return self._request(erasure_terms(person, categories, identity, holds, request_id, received_at))

    def prove_identity(self, request_id: str) -> RequestT:
        """The asker has been shown to be the person (GDPR art. 12(6)): an unproven request is carried out."""
        return self._prove(request_id_in(request_id))

    def rights_request(self, request_id: str) -> RequestT:
        """The request as it stands. Raises ``NotFound(request_unknown)``."""
        return self._show_request(request_id_in(request_id))

    def rights_requests(
        self, *, state: str | None = None, overdue: bool | None = None, cursor: str | None = None
    ) -> PageT:
        """One page of the controller's requests, newest first; ``next_cursor`` leads to the next."""
        return self._list_requests(state, overdue, cursor)
