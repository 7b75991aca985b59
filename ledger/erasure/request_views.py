"""A rights request as its askers see it: times in RFC 3339, ids in hex, and nobody's name."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ledger.domain.moments import moment_text
from ledger.domain.rights_requests import RequestState, is_past_destruction

__all__ = ["HeldView", "HolderView", "RequestView", "StepView", "request_view"]


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    """A category that is kept, by which rule of the catalogue, and until when (RFC 3339)."""

    hold: str
    category: str
    until: str


class HolderView(msgspec.Struct, frozen=True, kw_only=True):
    """One holder's order. ``state``: pending, sent, acknowledged, verified or refused.

    ``verification``: 0 sent, 1 acknowledged, 2 evidence, 3 scanned; ``required_verification`` is the catalogue's.
    """

    holder: str
    order_id: str
    method: str
    state: str
    attempts: int
    due_at: str
    sent_at: str | None
    answered_at: str | None
    outcome: str | None
    detail: str | None
    verification: int
    required_verification: int
    overdue: bool


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was taken, and when."""

    step: str
    at: str


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it stands. Times are RFC 3339, ids hex. ``held`` and ``resumes_at``: what is kept, and until when
    the erasure rests before it resumes by itself."""

    request_id: str
    kind: str
    state: str
    identity: str
    subject_ids: tuple[str, ...]
    categories: tuple[str, ...]
    erased_categories: tuple[str, ...] | None
    held: tuple[HeldView, ...]
    received_at: str
    due_at: str
    extended: bool
    overdue: bool
    refusal: str | None
    resumes_at: str | None
    completed_at: str | None
    waits_for: str | None
    holders: tuple[HolderView, ...]
    steps: tuple[StepView, ...]


def request_view(row: Any, orders: Sequence[Any], steps: Sequence[Any]) -> RequestView:
    held = msgspec.json.decode(row["held"])
    erased = row["erased_categories"]
    is_gone = row["is_whole"] and is_past_destruction(RequestState(row["state"]))
    return RequestView(
        request_id=row["request_id"].hex(),
        kind=row["kind"],
        state=row["state"],
        identity=row["identity"],
        subject_ids=() if is_gone else tuple(subject_id.hex() for subject_id in row["subject_ids"]),
        categories=tuple(row["categories"]),
        erased_categories=None if erased is None else tuple(erased),
        held=tuple(
            HeldView(hold=one["hold"], category=one["category"], until=moment_text(one["until_ms"]))
            for one in held
        ),
        received_at=moment_text(row["received_ms"]),
        due_at=moment_text(row["due_ms"]),
        extended=row["extended"],
        overdue=row["overdue"],
        refusal=row["refusal"],
        resumes_at=_moment(row["resumes_ms"]),
        completed_at=_moment(row["completed_ms"]),
        waits_for=row["waits_for"],
        holders=tuple(_holder_view(order) for order in orders),
        steps=tuple(StepView(step=step["step"], at=moment_text(step["at_ms"])) for step in steps),
    )


def _holder_view(order: Any) -> HolderView:
    return HolderView(
        holder=order["holder"],
        order_id=order["order_id"].hex(),
        method=order["method"],
        state=order["state"],
        attempts=order["attempts"],
        due_at=moment_text(order["due_ms"]),
        sent_at=_moment(order["sent_ms"]),
        answered_at=_moment(order["answered_ms"]),
        outcome=order["outcome"],
        detail=order["detail"],
        verification=order["verification"],
        required_verification=order["required_verification"],
        overdue=order["overdue"],
    )


def _moment(ms: int | None) -> str | None:
    return None if ms is None else moment_text(ms)
