"""A person's requests on the page: what was asked for, what is kept, who was told, and what each answered."""

from collections.abc import Sequence

from ledger.audit.calendar_text import day_words
from ledger.audit.erasure_words import OUTCOMES, hold_title, holder_title, step_words
from ledger.audit.pages.document import Section, day, facts, mark, moment
from ledger.audit.pages.markup import Markup, Part, element, joined, table
from ledger.audit.pages.words import Language, said
from ledger.audit.words import title
from ledger.domain.catalogue import Catalogue
from ledger.domain.moments import moment_ms
from ledger.erasure.requests import HeldView, HolderView, RequestView

__all__ = ["requests_section"]


def requests_section(
    requests: Sequence[RequestView], catalogue: Catalogue | None, language: Language
) -> Section:
    """Every request, newest first, each with its holders and steps."""
    heading = said(language, "requests")
    if not requests:
        return Section("requests", heading, element("p", said(language, "requests_none")))
    return Section("requests", heading, joined(_request(each, catalogue, language) for each in requests))


def _request(request: RequestView, catalogue: Catalogue | None, language: Language) -> Markup:
    received = day_words(moment_ms(request.received_at, "received_at"))
    parts: list[Part] = [
        element("h3", said(language, "request", day=received), " ", _state(request, language)),
        facts(_particulars(request, catalogue, language)),
    ]
    if request.identity == "unproven":
        parts.append(element("p", said(language, "unproven")))
    if request.held:
        heads = [said(language, name) for name in ("data", "why", "rule", "until")]
        rows = [_held_cells(each, catalogue, language) for each in request.held]
        parts.append(table(said(language, "kept"), heads, rows))
    if request.holders:
        heads = [said(language, name) for name in ("who", "told", "answered", "outcome", "known_how")]
        rows = [_holder_cells(each, catalogue, language) for each in request.holders]
        parts.append(table(said(language, "holders_told"), heads, rows))
    steps = [
        (step_words(step.step, holder_title(catalogue, "", language), language), moment(step.at))
        for step in request.steps
    ]
    parts.append(table(said(language, "steps"), [said(language, "step"), said(language, "when")], steps))
    return joined(parts)


def _particulars(
    request: RequestView, catalogue: Catalogue | None, language: Language
) -> list[tuple[str, Part]]:
    names = [_category(name, catalogue, language) for name in request.categories]
    pairs: list[tuple[str, Part]] = [
        (said(language, "received"), moment(request.received_at)),
        (said(language, "asked_for"), ", ".join(names) or said(language, "everything")),
        (said(language, "due"), _due(request, language)),
    ]
    if request.completed_at is not None:
        pairs.append((said(language, "done"), moment(request.completed_at)))
    if request.refusal is not None:
        pairs.append((said(language, "refusal"), request.refusal))
    if request.resumes_at is not None:
        pairs.append((said(language, "resumes"), day(request.resumes_at)))
    return pairs


def _due(request: RequestView, language: Language) -> Part:
    extended = f" ({said(language, 'extended')})" if request.extended else None
    return joined((day(request.due_at), extended))


def _state(request: RequestView, language: Language) -> Markup:
    style = {"complete": "yes", "refused": "no"}.get(request.state, "kept")
    shown = mark(said(language, f"state_{request.state}"), style)
    return joined((shown, " ", mark(said(language, "overdue"), "no"))) if request.overdue else shown


def _held_cells(held: HeldView, catalogue: Catalogue | None, language: Language) -> Sequence[Part]:
    hold = catalogue.holds.get(held.hold) if catalogue else None
    return (
        _category(held.category, catalogue, language),
        hold_title(catalogue, held.hold, language),
        hold.source if hold else "–",
        day(held.until),
    )


def _holder_cells(holder: HolderView, catalogue: Catalogue | None, language: Language) -> Sequence[Part]:
    outcome: Part = OUTCOMES[language].get(holder.outcome, holder.outcome) if holder.outcome else "–"
    if holder.overdue:
        outcome = mark(said(language, "overdue"), "no")
    known = said(language, f"verified_{holder.verification}") if holder.sent_at else "–"
    if holder.sent_at and holder.verification < holder.required_verification:
        required = said(language, f"verified_{holder.required_verification}")
        known = said(language, "known_of", known=known, required=required)
    return (
        holder_title(catalogue, holder.holder, language),
        moment(holder.sent_at) or "–",
        moment(holder.answered_at) or "–",
        outcome,
        known,
    )


def _category(name: str, catalogue: Catalogue | None, language: Language) -> str:
    return title(catalogue.categories.get(name) if catalogue else None, name, language)
