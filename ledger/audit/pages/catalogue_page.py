"""The page of one company: what it may use data for and on which ground, who gets it, where it lies, what is kept."""

from collections.abc import Iterable, Sequence

from ledger.audit.pages.document import Section, day, document, mark
from ledger.audit.pages.markup import Part, element, joined, listing, table
from ledger.audit.pages.notices import notice_link, notice_texts
from ledger.audit.pages.words import Language, said
from ledger.audit.words import title
from ledger.domain.catalogue import Basis, Catalogue, Hold, Holder, Purpose, Recipient, Texts
from ledger.domain.moments import moment_text

__all__ = ["catalogue_page"]


def catalogue_page(catalogue: Catalogue, language: Language, *, made_ms: int) -> str:
    """The catalogue as one HTML file."""
    company = catalogue.controller.title
    sections = (
        _purposes(catalogue, language),
        _recipients(catalogue, language),
        _holders(catalogue, language),
        _holds(catalogue, language),
        _notices(catalogue, language),
    )
    about: list[tuple[str, Part]] = [
        (said(language, "catalogue_version"), str(catalogue.version)),
        (said(language, "contact"), catalogue.controller.contact),
        (said(language, "made"), day(made_ms)),
    ]
    return document(said(language, "catalogue_title", controller=company), company, sections, language, about)


def _purposes(catalogue: Catalogue, language: Language) -> Section:
    heads = [said(language, name) for name in ("purpose", "means", "data", "can_decline", "text")]
    parts: list[Part] = [element("p", said(language, "purposes_intro"))]
    for basis in Basis:
        found = [purpose for purpose in catalogue.purposes.values() if purpose.basis is basis]
        if found:
            heading = said(language, f"basis_{basis.value}")
            rows = [_purpose_cells(purpose, catalogue, language) for purpose in found]
            parts += [element("h3", heading), table(heading, heads, rows, under_heading=True)]
    return Section("purposes", said(language, "purposes"), joined(parts))


def _purpose_cells(purpose: Purpose, catalogue: Catalogue, language: Language) -> Sequence[Part]:
    notes: list[Part] = []
    if purpose.direct_marketing:
        notes.append(element("span", said(language, "direct_marketing"), class_="small"))
    if purpose.balancing is not None:
        # The date that an author wrote is the last one, in UTC, on which the weighing holds.
        last = moment_text(purpose.balancing.review_due_ms - 1)[:10]
        weighed = said(language, "weighed", reference=purpose.balancing.reference, day=last)
        notes.append(element("span", weighed, class_="small"))
    declinable = catalogue.is_declinable(purpose)
    shown = mark(said(language, "yes" if declinable else "no"), "yes" if declinable else "kept")
    references = [notice.reference for notice in catalogue.notices.values() if purpose.id in notice.purposes]
    return (
        _lines((title(purpose.title, purpose.id, language), element("code", purpose.id), *notes)),
        _titles(purpose.channels, catalogue.channels, language) or said(language, "no_means"),
        _titles(purpose.categories, catalogue.categories, language) or "–",
        shown,
        _lines(notice_link(reference) for reference in references) if references else "–",
    )


def _recipients(catalogue: Catalogue, language: Language) -> Section:
    heading = said(language, "recipients_all")
    rows = [_recipient_cells(recipient, catalogue, language) for recipient in catalogue.recipients.values()]
    heads = [said(language, name) for name in ("who", "task", "country", "what_for")]
    if not rows:
        none = said(language, "recipients_all_none", controller=catalogue.controller.title)
        return Section("recipients", heading, element("p", none))
    intro = element("p", said(language, "recipients_all_intro"))
    return Section("recipients", heading, joined((intro, table(heading, heads, rows, under_heading=True))))


def _recipient_cells(recipient: Recipient, catalogue: Catalogue, language: Language) -> Sequence[Part]:
    purposes = [
        title(purpose.title, purpose.id, language)
        for purpose in catalogue.purposes.values()
        if recipient.id in purpose.recipients
    ]
    return (
        title(recipient.title, recipient.id, language),
        title(recipient.task, "–", language),
        recipient.country,
        listing(purposes, class_="plain") if purposes else "–",
    )


def _holders(catalogue: Catalogue, language: Language) -> Section:
    heading = said(language, "holders")
    rows = [_holder_cells(holder, catalogue, language) for holder in catalogue.holders.values()]
    names = ("holder", "data", "found_by", "method", "days", "known_how")
    if not rows:
        return Section("holders", heading, element("p", said(language, "none")))
    intro = element("p", said(language, "holders_intro"))
    heads = [said(language, name) for name in names]
    return Section("holders", heading, joined((intro, table(heading, heads, rows, under_heading=True))))


def _holder_cells(holder: Holder, catalogue: Catalogue, language: Language) -> Sequence[Part]:
    return (
        _lines(
            (
                title(holder.title, holder.id, language),
                element("span", said(language, f"kind_{holder.kind}"), class_="small"),
            )
        ),
        _titles(holder.categories, catalogue.categories, language) or said(language, "everything"),
        ", ".join(said(language, f"by_{name}") for name in holder.identifiers),
        said(language, f"method_{holder.method}"),
        said(language, "days_count", count=holder.deadline_days),
        said(language, f"verified_{holder.verification}"),
    )


def _holds(catalogue: Catalogue, language: Language) -> Section:
    heading = said(language, "holds")
    rows = [_hold_cells(hold, catalogue, language) for hold in catalogue.holds.values()]
    if not rows:
        return Section("holds", heading, element("p", said(language, "none")))
    heads = [said(language, name) for name in ("hold", "rule", "data", "used_for", "ends", "applies")]
    intro = element("p", said(language, "holds_intro"))
    return Section("holds", heading, joined((intro, table(heading, heads, rows, under_heading=True))))


def _hold_cells(hold: Hold, catalogue: Catalogue, language: Language) -> Sequence[Part]:
    purposes = {key: purpose.title for key, purpose in catalogue.purposes.items()}
    return (
        title(hold.title, hold.id, language),
        hold.source,
        _titles(hold.categories, catalogue.categories, language),
        _titles(hold.purposes, purposes, language) or said(language, "only_kept"),
        _ends(hold, language),
        said(language, f"applies_{hold.applies}"),
    )


def _ends(hold: Hold, language: Language) -> str:
    """``7 years, at the end of that year``."""
    counted = [
        said(language, one if count == 1 else many, count=count)
        for one, many, count in (("year", "years", hold.years), ("month", "months", hold.months))
        if count
    ]
    return ", ".join(counted + ([said(language, "year_end")] if hold.until_year_end else []))


def _notices(catalogue: Catalogue, language: Language) -> Section:
    texts = notice_texts(catalogue.notices, catalogue.notices, catalogue, language)
    content = joined((element("p", said(language, "texts_intro")), texts))
    return Section("texts", said(language, "notices"), content)


def _titles(names: Sequence[str], titles: dict[str, Texts], language: Language) -> str:
    return ", ".join(title(titles.get(name), name, language) for name in names)


def _lines(parts: Iterable[Part]) -> Part:
    """Parts under one another."""
    return joined(element("div", part) for part in parts)
