"""HTML as values: text is escaped unless it was made here, so that nothing from a catalogue or a person is markup."""

import html
from collections.abc import Iterable, Sequence

__all__ = ["Markup", "Part", "element", "joined", "listing", "table"]


class Markup(str):
    """HTML that this module made. Any other string is text, and is escaped when it is put into an element."""

    __slots__ = ()


Part = str | Markup | None
"""What goes into an element: text, markup, or nothing."""

_VOID = frozenset({"br", "meta", "hr"})


def joined(parts: Iterable[Part]) -> Markup:
    """The parts one after another, text escaped."""
    return Markup("".join(_part(part) for part in parts))


def element(tag: str, *parts: Part, **attributes: str | None) -> Markup:
    """``<tag …>parts</tag>``. Attribute names lose a trailing ``_``, and ``_`` becomes ``-``; None leaves one out."""
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{shown}>")
    return Markup(f"<{tag}{shown}>{joined(parts)}</{tag}>")


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Part]], *, under_heading: bool = False
) -> Markup:
    """A table whose first column names its rows, with scopes for those who hear it instead of seeing it.

    ``under_heading``: a heading above it says what it is, so the caption is only heard.
    """
    head = element("tr", *(element("th", each, scope="col") for each in heads))
    body = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    content = element(
        "table",
        element("caption", caption, class_="heard" if under_heading else None),
        element("thead", head),
        element("tbody", *body),
    )
    return element("div", content, class_="wide", role="region", aria_label=caption, tabindex="0")


def listing(items: Iterable[Part], class_: str | None = None) -> Markup:
    """A list without order."""
    return element("ul", *(element("li", item) for item in items), class_=class_)


def _part(part: Part) -> str:
    if part is None:
        return ""
    return part if isinstance(part, Markup) else html.escape(part)
