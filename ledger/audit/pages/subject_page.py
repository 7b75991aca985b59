"""The page of one person: what may be done, since when and why, who was told, what happened, and the texts shown.

Pure: :mod:`ledger.audit.subject_report` reads, this puts into words. Nothing here names the person, unless whoever
asks for the page wants the identifiers on it.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from ledger.audit.calendar_text import day_words
from ledger.audit.explanation import Doubt, HistoryEntry, explained_record
from ledger.audit.pages.document import Section, document, moment
from ledger.audit.pages.markup import Markup, Part, element, joined, table
from ledger.audit.pages.notices import notice_link, notice_texts
from ledger.audit.pages.requests import requests_section
from ledger.audit.pages.words import Language, said
from ledger.audit.words import basis_words, reason_words, row_words, title
from ledger.domain.catalogue import Catalogue, Notice
from ledger.domain.decision import Decision, Question
from ledger.domain.identifiers import Identifier
from ledger.domain.rows import Row
from ledger.erasure.requests import RequestView

__all__ = ["Answer", "SubjectReport", "subject_page"]

State = Literal["unknown", "known", "doubtful", "blocked", "erased"]
NOT_BY_CHOICE = "basis_not_supported"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One question about the person with its decision. ``since_ms``: from when the act that decides counts."""

    question: Question
    decision: Decision
    since_ms: int | None


class SubjectReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page tells. ``identifiers`` and ``subject_id`` are None unless they are wanted on it."""

    controller: str
    state: State
    made_ms: int
    read_up_to_ms: int | None = None
    state_since_ms: int | None = None
    identifiers: tuple[Identifier, ...] | None = None
    subject_id: bytes | None = None
    catalogue: Catalogue | None = None
    answers: tuple[Answer, ...] = ()
    shares: tuple[Answer, ...] = ()
    rows: tuple[Row, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    records_left_out: int = 0
    doubts: tuple[Doubt, ...] = ()
    requests: tuple[RequestView, ...] = ()
    notices: dict[str, Notice] = {}

    @property
    def named_notices(self) -> tuple[str, ...]:
        """The notices that the person's rows and records name, oldest name first."""
        of_rows = (row.detail.notice for row in self.rows if row.detail)
        of_records = (getattr(entry.event, "notice", None) for entry in self.history)
        return tuple(sorted({name for name in (*of_rows, *of_records) if name}))


def subject_page(report: SubjectReport, language: Language) -> str:
    """The page as one HTML file."""
    company = report.catalogue.controller.title if report.catalogue else report.controller
    sections = [_summary(report, company, language)]
    if report.state in ("known", "doubtful"):
        sections += [_allowed(report, language), _shares(report, company, language)]
    if report.state != "unknown":
        sections += [
            _stands(report, language),
            requests_section(report.requests, report.catalogue, language),
            _happened(report, language),
        ]
    if report.named_notices:
        sections.append(_texts(report, language))
    sections.append(_rights(report, language))
    return document(said(language, "subject_title"), company, sections, language, _about(report, language))


def _about(report: SubjectReport, language: Language) -> list[tuple[str, Part]]:
    about: list[tuple[str, Part]] = [(said(language, "person"), _person(report, language))]
    if report.subject_id is not None:
        about.append((said(language, "subject_id"), element("code", report.subject_id.hex())))
    about.append((said(language, "made"), moment(report.made_ms)))
    if report.read_up_to_ms is not None:
        about.append((said(language, "read_up_to"), moment(report.read_up_to_ms)))
    if report.catalogue is not None:
        about.append((said(language, "catalogue_version"), str(report.catalogue.version)))
        about.append((said(language, "contact"), report.catalogue.controller.contact))
    return about


def _person(report: SubjectReport, language: Language) -> Part:
    if report.identifiers is None:
        return said(language, "identifiers_kept_back")
    return ", ".join(identifier.value for identifier in report.identifiers) or "–"


def _summary(report: SubjectReport, company: str, language: Language) -> Section:
    if report.state in ("known", "doubtful"):
        by_choice = [each for each in report.answers if each.decision.reason != NOT_BY_CHOICE]
        allowed = sum(1 for each in by_choice if each.decision.allowed)
        lines = [said(language, "known_lead", allowed=allowed, asked=len(by_choice))]
        if report.state == "doubtful":
            lines = [said(language, "doubt_lead"), said(language, "doubt_more")]
    else:
        since = "–" if report.state_since_ms is None else day_words(report.state_since_ms)
        lines = [
            said(language, f"{report.state}_lead", controller=company, day=since),
            said(language, f"{report.state}_more"),
        ]
    content = joined(
        element("p", line, class_="lead" if number == 0 else None) for number, line in enumerate(lines)
    )
    return Section(
        "summary", said(language, "summary"), content, None if report.state == "known" else "banner"
    )


def _allowed(report: SubjectReport, language: Language) -> Section:
    catalogue = report.catalogue
    by_choice = [each for each in report.answers if each.decision.reason != NOT_BY_CHOICE]
    others = [each for each in report.answers if each.decision.reason == NOT_BY_CHOICE]
    heads = [said(language, name) for name in ("purpose", "means", "ground", "since", "why")]
    parts: list[Part] = [element("p", said(language, "allowed_intro"))]
    for name, wanted in (("allowed_yes", True), ("allowed_no", False)):
        found = [each for each in by_choice if each.decision.allowed is wanted]
        rows = _answer_rows(found, catalogue, language)
        shown = table(said(language, name), heads, rows, under_heading=True)
        parts += [
            element("h3", said(language, name)),
            shown if rows else element("p", said(language, "none")),
        ]
    if others:
        names = dict.fromkeys(each.question.purpose for each in others)
        grounds = {each.question.purpose: each.decision.basis for each in others}
        parts += [
            element("h3", said(language, "allowed_other")),
            element("p", said(language, "allowed_other_intro")),
            table(
                said(language, "allowed_other"),
                heads[:1] + [said(language, "ground")],
                [
                    (_purpose(name, catalogue, language), basis_words(grounds[name] or "", language))
                    for name in names
                ],
                under_heading=True,
            ),
        ]
    return Section("allowed", said(language, "allowed"), joined(parts))


def _answer_rows(
    answers: Sequence[Answer], catalogue: Catalogue | None, language: Language
) -> list[Sequence[Part]]:
    """A row for each purpose and reason, with all the means to which it applies."""
    means: dict[tuple[Part, ...], list[str]] = {}
    for answer in answers:
        decision = answer.decision
        why: list[Part] = [reason_words(decision, language)]
        if decision.notice is not None:
            why += [" ", notice_link(decision.notice)]
        cells = (
            _purpose(answer.question.purpose, catalogue, language),
            basis_words(decision.basis, language) if decision.basis else "–",
            moment(answer.since_ms) or "–",
            joined(why),
        )
        means.setdefault(cells, []).append(_channel(answer.question.channel, catalogue, language))
    return [(first, ", ".join(channels), *rest) for (first, *rest), channels in means.items()]


def _shares(report: SubjectReport, company: str, language: Language) -> Section:
    """Who outside may be given the person's data, for what, as decided with that recipient named."""
    catalogue = report.catalogue
    purposes: dict[str, dict[str, None]] = {}
    for share in report.shares:
        if share.decision.allowed and share.question.recipient is not None:
            purposes.setdefault(share.question.recipient, {})[share.question.purpose] = None
    rows: list[Sequence[Part]] = []
    for name, names in purposes.items():
        recipient = catalogue.recipients[name] if catalogue else None
        used_for = ", ".join(_purpose(each, catalogue, language) for each in names)
        rows.append((
            title(recipient.title if recipient else None, name, language),
            title(recipient.task if recipient else None, "–", language),
            recipient.country if recipient else "–",
            used_for,
        ))  # fmt: skip
    heads = [said(language, name) for name in ("who", "task", "country", "what_for")]
    heading = said(language, "recipients")
    none = element("p", said(language, "recipients_none", controller=company))
    return Section("recipients", heading, table(heading, heads, rows, under_heading=True) if rows else none)


def _stands(report: SubjectReport, language: Language) -> Section:
    rows = sorted(
        (row for row in report.rows if row.shape != "remark"), key=lambda row: (-_rank_ms(row), row.row_key)
    )
    cells = [
        (
            row_words(row, report.catalogue, language),
            (moment(_rank_ms(row)) if _rank_ms(row) > 0 else None) or said(language, "always"),
            moment(row.detail.until_ms if row.detail else None) or "–",
            notice_link(row.detail.notice if row.detail else None) or "–",
        )
        for row in rows
    ]
    heads = [said(language, name) for name in ("what", "counts_from", "until", "text")]
    intro = "stands_forgotten" if report.state == "erased" else "stands_intro"
    heading = said(language, "stands")
    content = (
        table(heading, heads, cells, under_heading=True) if cells else element("p", said(language, "none"))
    )
    return Section("stands", heading, joined((element("p", said(language, intro)), content)))


def _rank_ms(row: Row) -> int:
    """From when a row counts; an erasure that is done from its end."""
    return row.second.rank_ms if row.kind == "erasure" and row.second is not None else row.rank.ms


def _happened(report: SubjectReport, language: Language) -> Section:
    items: Iterable[Markup] = (_record(entry, report.catalogue, language) for entry in report.history)
    parts: list[Part] = [element("p", said(language, "happened_intro"))]
    parts.append(
        element("ol", *items, class_="history") if report.history else element("p", said(language, "none"))
    )
    if report.records_left_out:
        parts.append(
            element("p", said(language, "happened_more", count=report.records_left_out), class_="small")
        )
    for doubt in report.doubts:
        parts.append(
            element("p", f"{said(language, 'doubt_lead')} ", element("code", f"{doubt.reason} {doubt.place}"))
        )
    return Section("happened", said(language, "happened"), joined(parts))


def _record(entry: HistoryEntry, catalogue: Catalogue | None, language: Language) -> Markup:
    record = explained_record(entry, catalogue, language)
    notes: list[Part] = [record.captured] if record.captured else []
    if entry.outcome != "counted":
        notes.append(record.outcome_words)
    if record.takes_effect_from:
        notes.append(joined((said(language, "takes_effect"), " ", moment(record.takes_effect_from))))
    return element(
        "li",
        moment(entry.broker_ms),
        element(
            "span",
            record.says,
            element("span", " (", _semicolons(notes), ")", class_="small") if notes else None,
            joined((" ", notice_link(record.notice))) if record.notice else None,
        ),
    )


def _semicolons(notes: Sequence[Part]) -> Markup:
    parts: list[Part] = []
    for note in notes:
        parts += ["; ", note] if parts else [note]
    return joined(parts)


def _texts(report: SubjectReport, language: Language) -> Section:
    texts = notice_texts(report.named_notices, report.notices, report.catalogue, language)
    content = joined((element("p", said(language, "texts_intro")), texts))
    return Section("texts", said(language, "texts"), content)


def _rights(report: SubjectReport, language: Language) -> Section:
    contact = report.catalogue.controller.contact if report.catalogue else report.controller
    content = joined(
        (
            element("p", said(language, "rights_text", contact=contact)),
            element("p", said(language, "rights_complaint")),
        )
    )
    return Section("rights", said(language, "rights"), content)


def _purpose(name: str, catalogue: Catalogue | None, language: Language) -> str:
    purpose = catalogue.purposes.get(name) if catalogue else None
    return title(purpose.title if purpose else None, name, language)


def _channel(name: str | None, catalogue: Catalogue | None, language: Language) -> str:
    if name is None:
        return said(language, "no_means")
    return title(catalogue.channels.get(name) if catalogue else None, name, language)
