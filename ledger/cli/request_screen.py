"""A rights request as an operator reads it: where it is, who is silent, what is kept, and what happens next."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from ledger.erasure.requests import HolderView, RequestView

__all__ = ["request_line", "request_screen"]

_WAITS: Final = {
    "proof_of_identity": "the proof that the asker is the person (`ledger requests prove`)",
    "log": "the log to acknowledge what was queued for it",
    "caches_and_appends": "kept ids and begun appends of producers to run out",
    "fold": "the read model to pass what was recorded until then",
    "orders_to_be_sent": "the orders to the holders to be sent",
    "holders": "the holders to answer",
}
_NEXT: Final = {
    "requested": "The person is looked for, with everybody who is linked to them.",
    "identified": "It is judged what the law keeps.",
    "assessed": "What is to be erased is blocked: nothing is allowed with it any more.",
    "blocked": "Once nothing is on its way under the old id, the vault forgets.",
    "settled": "The vault forgets: opt-outs are kept as digests, everything else is destroyed.",
    "destroyed": "Every holder gets its order.",
    "ordered": "Holders are reminded until they answer; the request is complete with the last.",
}
_SILENT: Final = ("pending", "sent")
_WIDTH: Final = 14


def request_line(view: RequestView) -> str:
    """One line of the list."""
    marks = [mark for mark, shown in (("overdue", view.overdue), ("extended", view.extended)) if shown]
    silent = [holder.holder for holder in view.holders if holder.state in _SILENT]
    if silent:
        marks.append(f"waits for {', '.join(silent)}")
    told = "; ".join(marks)
    return f"{view.request_id}  {view.state:<10}  due {_day(view.due_at)}  {_what(view)}" + (
        f"  {told}" if told else ""
    )


def request_screen(view: RequestView, now: datetime) -> str:
    """The whole request, line by line."""
    return "\n".join(_lines(view, now))


def _lines(view: RequestView, now: datetime) -> Iterator[str]:
    yield f"request {view.request_id}"
    yield _field("asked for", _what(view))
    yield _field("state", view.state + (f" ({view.refusal})" if view.refusal else ""))
    yield _field("identity", view.identity)
    yield _field("subject", ", ".join(view.subject_ids) or "nobody knows any more")
    yield _field("received", _moment(view.received_at))
    yield _field("due", _due(view, now))
    yield ""
    yield "steps"
    yield from (_field(step.step, _moment(step.at)) for step in view.steps)
    if view.holders:
        yield ""
        yield "holders"
        yield from (_field(holder.holder, _holder(holder)) for holder in view.holders)
    if view.held:
        yield ""
        yield "kept"
        yield from (
            _field(held.category, f"until {_day(held.until)}, by the hold {held.hold}") for held in view.held
        )
    yield ""
    yield "next"
    yield f"  {_next(view)}"


def _what(view: RequestView) -> str:
    return "everything" if not view.categories else ", ".join(view.categories)


def _due(view: RequestView, now: datetime) -> str:
    if view.completed_at is not None:
        return f"{_day(view.due_at)}; answered {_moment(view.completed_at)}"
    left = (datetime.fromisoformat(view.due_at) - now).days
    told = "OVERDUE" if view.overdue or left < 0 else f"{left} days left"
    return f"{_day(view.due_at)}, {told}" + (", two months more were taken" if view.extended else "")


def _holder(holder: HolderView) -> str:
    known = f"verification {holder.verification} of {holder.required_verification}"
    if holder.state == "pending":
        return f"not sent yet, due {_day(holder.due_at)}"
    if holder.state == "sent":
        sent = f"sent {holder.attempts} times" if holder.attempts != 1 else "sent once"
        since = f", last {_moment(holder.sent_at)}" if holder.sent_at else ""
        overdue = "OVERDUE since" if holder.overdue else "due"
        return f"SILENT: {sent}{since}, {overdue} {_day(holder.due_at)}"
    answered = f" {_moment(holder.answered_at)}" if holder.answered_at else ""
    if holder.state == "refused":
        why = f": {holder.detail}" if holder.detail else ""
        return f"REFUSED{answered}{why}; `ledger holders order-again` gives it anew"
    return f"{holder.outcome or holder.state}{answered}, {known}"


def _next(view: RequestView) -> str:
    if view.state == "refused":
        return "Nothing. The person must be told why, and that they may complain (GDPR art. 12(4))."
    if view.state == "complete":
        if view.resumes_at is not None:
            return f"What is kept is erased by itself after {_day(view.resumes_at)}."
        return "Nothing: every holder has answered. The person may be told."
    waits = f" It waits for {_WAITS.get(view.waits_for, view.waits_for)}." if view.waits_for else ""
    return _NEXT[view.state] + waits


def _field(name: str, value: str) -> str:
    return f"  {name:<{_WIDTH}}{'' if len(name) < _WIDTH else ' '}{value}"


def _moment(text: str | None) -> str:
    return (
        "never" if text is None else f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d}"
