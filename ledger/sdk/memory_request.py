"""One request to be erased in a ledger in memory, and how it is shown: in the same form as the API's."""

import msgspec

from ledger.domain.deadlines import request_due
from ledger.domain.moments import moment_text
from ledger.domain.rights_requests import OPEN_STATES, Assessment, RequestState, is_past_destruction
from ledger.domain.shown import time_text
from ledger.sdk.rights_requests import Held, HolderProgress, RequestStep, RightsRequest

__all__ = ["MemoryRequest"]


class MemoryRequest(msgspec.Struct, kw_only=True):
    """A request as it stands; changed from step to step by :mod:`ledger.sdk.memory_erasures`. ``subjects``: everybody
    who is linked to ``subject``, itself included."""

    request_id: bytes
    subject: bytes
    subjects: tuple[bytes, ...]
    categories: tuple[str, ...]
    holds: dict[str, int]
    proven: bool
    received_ms: int
    holds_since_ms: int | None = None
    state: RequestState = RequestState.REQUESTED
    found: Assessment | None = None
    refusal: str | None = None
    waits_for: str | None = None
    completed_ms: int | None = None
    holders: tuple[HolderProgress, ...] = ()
    steps: list[tuple[str, int]] = []

    @property
    def masked(self) -> tuple[str, ...]:
        """What is blocked and erased, as events name it: nothing named is everything."""
        assert self.found is not None, "assessed before it is blocked"
        return () if self.found.is_whole else self.found.erased

    def view(self, now_ms: int) -> RightsRequest:
        """The request as its asker sees it at this time."""
        found, due_ms = self.found, request_due(self.received_ms)
        return RightsRequest(
            request_id=self.request_id.hex(),
            kind="erasure",
            state=self.state.value,
            identity="proven" if self.proven else "unproven",
            received_at=moment_text(self.received_ms),
            due_at=moment_text(due_ms),
            subject_ids=() if found is not None and found.is_whole and is_past_destruction(self.state) else tuple(one.hex() for one in self.subjects),
            categories=self.categories,
            erased_categories=None if found is None else found.erased,
            held=tuple(
                Held(hold=held.hold, category=held.category, until=moment_text(held.until_ms))
                for held in (found.held if found is not None else ())
            ),
            overdue=self.state in OPEN_STATES and now_ms > due_ms,
            refusal=self.refusal,
            resumes_at=time_text(found.resumes_ms if found is not None else None),
            completed_at=time_text(self.completed_ms),
            waits_for=self.waits_for,
            holders=self.holders,
            steps=tuple(RequestStep(step=step, at=moment_text(at_ms)) for step, at_ms in self.steps),
        )
