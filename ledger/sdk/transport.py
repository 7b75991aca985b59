"""What a transport does for a ledger of the SDK."""

from collections.abc import Sequence
from typing import Protocol

from ledger.domain.decision import Decision
from ledger.sdk.answers import Ask, HistoryPage, Link, Saved, Standing
from ledger.sdk.people import Person
from ledger.sdk.rights_requests import ErasureTerms, RequestsPage, RightsRequest
from ledger.sdk.statements import Statement

__all__ = ["Transport"]


class Transport(Protocol):
    """Carries statements and questions to the ledger. The client sends one person's statements one by one."""

    async def record(self, statement: Statement) -> Saved:
        """The recorded act. Raises ``Unavailable`` when nobody acknowledged it, and then claims nothing."""
        ...

    async def decide(self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None) -> list[Decision]:
        """One decision for each question, in order; deny ``unavailable`` where the ledger cannot be reached."""
        ...

    async def standing(self, person: Person) -> Standing: ...

    async def history(self, person: Person, cursor: str | None) -> HistoryPage: ...

    async def link(self, person: Person, other: Person) -> Link:
        """The two as one person, after a verified act; durable on return."""
        ...

    async def request_erasure(self, terms: ErasureTerms) -> RightsRequest:
        """The request, durable; repeatable under its id. Raises ``NotFound(subject_unknown)``, ``Unavailable``."""
        ...

    async def prove_identity(self, request_id: bytes) -> RightsRequest: ...

    async def rights_request(self, request_id: bytes) -> RightsRequest: ...

    async def rights_requests(
        self, state: str | None, overdue: bool | None, cursor: str | None
    ) -> RequestsPage: ...

    async def aclose(self) -> None:
        """Lets go of connections, after what is under way has ended or its deadline has passed."""
        ...
