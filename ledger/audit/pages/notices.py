"""The exact texts that people were shown, by version, with what proves that no word was changed."""

from collections.abc import Iterable

from ledger.audit.calendar_text import day_words
from ledger.audit.pages.markup import Markup, Part, element, joined
from ledger.audit.pages.words import Language, said
from ledger.domain.catalogue import Catalogue, Notice

__all__ = ["notice_link", "notice_texts"]


def notice_link(reference: str | None) -> Part:
    """A link to the notice's text further down the page."""
    return None if reference is None else element("a", reference, href=f"#{_anchor(reference)}")


def notice_texts(
    references: Iterable[str], notices: dict[str, Notice], catalogue: Catalogue | None, language: Language
) -> Markup:
    """Each notice word for word; one that no catalogue holds says so."""
    parts = [
        _text(notices[reference], catalogue, language)
        if reference in notices
        else element(
            "p", said(language, "text_missing", reference=reference), id_=_anchor(reference), class_="small"
        )
        for reference in references
    ]
    return joined(parts)


def _text(notice: Notice, catalogue: Catalogue | None, language: Language) -> Markup:
    shown = language if language in notice.texts else next(iter(notice.texts))
    text = notice.texts[shown]
    heading = said(
        language,
        "text_of" if notice.effective_until_ms is None else "text_of_until",
        reference=notice.reference,
        start=day_words(notice.effective_from_ms),
        end=day_words(notice.effective_until_ms) if notice.effective_until_ms is not None else "",
    )
    purposes = (catalogue.purposes.get(name) if catalogue else None for name in notice.purposes)
    titles = [
        (purpose.title.get(language) if purpose else None) or name
        for name, purpose in zip(notice.purposes, purposes, strict=True)
    ]
    return joined(
        (
            element("h3", heading, id_=_anchor(notice.reference)),
            element("p", f"{said(language, 'notice_for')}: {', '.join(titles)}.", class_="small"),
            element("p", said(language, "other_language"), class_="small") if shown != language else None,
            element("blockquote", text.text.rstrip("\n"), class_="notice", lang=shown),
            element("p", f"{said(language, 'fingerprint')}: ", element("code", text.sha256), class_="small"),
        )
    )


def _anchor(reference: str) -> str:
    return "notice-" + reference.replace("@", "-")
