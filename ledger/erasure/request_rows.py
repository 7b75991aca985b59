"""A rights request as the erasure worker holds it, from its row in the vault."""

from typing import Any

import msgspec

from ledger.domain.erasure_events import HeldCategory
from ledger.domain.rights_requests import RequestState
from ledger.errors import IntegrityViolation
from ledger.vault.directory import Controller

__all__ = ["Request", "request_of"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``vault.rights_request`` that has something to do."""

    controller: Controller
    request_id: bytes
    state: RequestState
    identity: str
    subject_ids: tuple[bytes, ...]
    categories: tuple[str, ...]
    stated_holds: dict[str, int]
    erased_categories: tuple[str, ...]
    held: tuple[HeldCategory, ...]
    is_whole: bool
    received_ms: int
    holds_since_ms: int | None
    due_ms: int
    blocked_ms: int | None
    resumes_ms: int | None
    overdue: bool

    @property
    def masked(self) -> tuple[str, ...]:
        """What is blocked and erased, as events name it: nothing named is everything."""
        if not self.is_whole and not self.erased_categories:
            raise IntegrityViolation("erasure_incomplete", request_id=self.request_id.hex())
        return () if self.is_whole else self.erased_categories


def request_of(controller: Controller, row: Any) -> Request:
    """The request in a record of ``request_due`` or ``request_work_on``."""
    return Request(
        controller=controller,
        request_id=row["request_id"],
        state=RequestState(row["state"]),
        identity=row["identity"],
        subject_ids=tuple(row["subject_ids"]),
        categories=tuple(row["categories"]),
        stated_holds=msgspec.json.decode(row["stated_holds"], type=dict[str, int]),
        erased_categories=tuple(row["erased_categories"] or ()),
        held=msgspec.json.decode(row["held"], type=tuple[HeldCategory, ...]),
        is_whole=bool(row["is_whole"]),
        received_ms=row["received_ms"],
        holds_since_ms=row["holds_since_ms"],
        due_ms=row["due_ms"],
        blocked_ms=row["blocked_ms"],
        resumes_ms=row["resumes_ms"],
        overdue=row["overdue"],
    )
