"""The frame of every page: one file that loads nothing, runs nothing, and reads the same on paper.

The policy in its head forbids all but the style that is in it, so that even a mistake in a page could fetch nothing.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from ledger.audit.calendar_text import day_words, minute_words
from ledger.audit.pages.markup import Markup, Part, element, joined
from ledger.audit.pages.words import Language, said
from ledger.domain.moments import moment_ms, moment_text

__all__ = ["Section", "day", "document", "facts", "mark", "moment"]


class Section(NamedTuple):
    """One part of a page, under its own heading. ``anchor``: what links point at."""

    anchor: str
    title: str
    content: Markup
    style: str | None = None


def document(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    language: Language,
    about: Sequence[tuple[str, Part]],
) -> str:
    """The whole page. ``about``: what is told of the page itself, under its title."""
    contents = element(
        "nav",
        element(
            "ul", *(element("li", element("a", each.title, href=f"#{each.anchor}")) for each in sections)
        ),
        aria_label=said(language, "contents"),
    )
    header = element(
        "header",
        element("p", subtitle, class_="of"),
        element("h1", title),
        facts(about),
        contents,
    )
    main = element("main", *(_section(each) for each in sections), id_="content")
    footer = element("footer", element("p", said(language, "footer")))
    skip = element("a", said(language, "skip"), href="#content", class_="skip")
    body = element("body", skip, header, main, footer)
    return f"<!doctype html>\n{element('html', _head(title, subtitle), body, lang=language)}\n"


def facts(pairs: Sequence[tuple[str, Part]]) -> Markup:
    """Names with their values, two columns."""
    return element(
        "dl", *(joined((element("dt", name), element("dd", value))) for name, value in pairs), class_="facts"
    )


def mark(text: str, style: str) -> Markup:
    """A short word that stands out; its colour says nothing that the word does not."""
    return element("span", text, class_=f"mark {style}")


def moment(at: int | str | None) -> Markup | None:
    """A moment (ms, or RFC 3339), shown to the minute in the controllers' own calendar."""
    if at is None:
        return None
    ms = moment_ms(at, "at") if isinstance(at, str) else at
    return element("time", minute_words(ms), datetime=moment_text(ms))


def day(at: int | str | None) -> Markup | None:
    """A day of the controllers' own calendar."""
    if at is None:
        return None
    ms = moment_ms(at, "at") if isinstance(at, str) else at
    return element("time", day_words(ms), datetime=moment_text(ms))


def _section(section: Section) -> Markup:
    heading = f"{section.anchor}-title"
    return element(
        "section",
        element("h2", section.title, id_=heading),
        section.content,
        id_=section.anchor,
        aria_labelledby=heading,
        class_=section.style,
    )


def _head(title: str, subtitle: str) -> Markup:
    style, digest = _style()
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex, nofollow"),
        element(
            "meta", http_equiv="Content-Security-Policy", content=f"default-src 'none'; style-src '{digest}'"
        ),
        element("title", f"{title} – {subtitle}"),
        element("style", style),
    )


@lru_cache(maxsize=1)
def _style() -> tuple[Markup, str]:
    """The stylesheet, and its digest as a policy names it."""
    text = resources.files("ledger.audit.pages").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"sha256-{digest}"
