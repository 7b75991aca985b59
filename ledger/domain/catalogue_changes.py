"""What one version of a catalogue changes against the one before, and whether that could allow anything new.

A version that only tightens may take effect at once. One that widens waits until every decision point can know it
(the staleness bound), so that none answers by a newer promise than the others.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from ledger.domain.catalogue import Catalogue, Hold, Holder, Notice, Purpose

__all__ = ["Change", "changes", "rewritten_notices", "widens"]

Kind = Literal["added", "removed", "changed"]

TABLES: Final = (
    "channels",
    "categories",
    "groups",
    "message_classes",
    "recipients",
    "purposes",
    "notices",
    "holders",
    "holds",
)

_MORE_IS_WIDER: Final = ("channels", "categories", "recipients")
_FALSE_IS_WIDER: Final = ("direct_marketing", "existing_customer_required")
_WORDS_ONLY: Final = frozenset({"title", "task"})


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. ``place`` is as in ``purposes.kl.promo.channels``; ``widens``: it may allow something new."""

    kind: Kind
    place: str
    detail: str = ""
    widens: bool

    def __str__(self) -> str:
        mark = {"added": "+", "removed": "-", "changed": "~"}[self.kind]
        return f"{mark} {self.place}{': ' + self.detail if self.detail else ''}{'  (widens)' if self.widens else ''}"


def changes(old: Catalogue | None, new: Catalogue) -> tuple[Change, ...]:
    """Every difference from ``old`` to ``new`` in the order of the tables; against nothing, everything is added."""
    found: list[Change] = []
    if old is not None and old.controller != new.controller:
        found.append(Change(kind="changed", place="controller", widens=False))
    for table in TABLES:
        found += _table_changes(table, getattr(old, table) if old else {}, getattr(new, table))
    return tuple(found)


def widens(found: tuple[Change, ...]) -> bool:
    """Whether any of the changes may allow something that was denied before."""
    return any(change.widens for change in found)


def rewritten_notices(old: Catalogue, new: Catalogue) -> tuple[str, ...]:
    """Notices whose text differs under the same version: people agreed to the old words, so this is never allowed."""
    return tuple(
        key
        for key, notice in new.notices.items()
        if key in old.notices and _rewritten(old.notices[key], notice)
    )


def _rewritten(old: Notice, new: Notice) -> bool:
    return any(
        new.texts[language].sha256 != text.sha256
        for language, text in old.texts.items()
        if language in new.texts
    )


def _table_changes(table: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys()):
        place = f"{table}.{key}"
        if key not in new:
            yield Change(kind="removed", place=place, widens=False)
        elif key not in old:
            # A name that nobody declared makes a no cover everything; declaring it narrows that no.
            yield Change(kind="added", place=place, widens=not isinstance(new[key], Holder))
        elif old[key] != new[key] and isinstance(new[key], dict):
            yield Change(kind="changed", place=place, detail="other words", widens=False)
        elif old[key] != new[key]:
            yield from _field_changes(place, old[key], new[key])


def _field_changes(place: str, old: msgspec.Struct, new: msgspec.Struct) -> Iterator[Change]:
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Change(
                kind="changed",
                place=f"{place}.{name}",
                detail=""
                if name in _WORDS_ONLY or name == "texts"
                else f"{_shown(before)} -> {_shown(after)}",
                widens=_field_widens(new, name, before, after),
            )


def _field_widens(entry: msgspec.Struct, name: str, before: Any, after: Any) -> bool:
    """Whether the change of one field may allow more. In doubt it does."""
    if name in _WORDS_ONLY:
        return False
    if isinstance(entry, Holder) or (isinstance(entry, Hold) and name != "purposes"):
        # Where data lies and how long it is kept says nothing about what it may be used for.
        return False
    if name in _MORE_IS_WIDER or (name == "purposes" and isinstance(entry, Notice | Hold)):
        return not set(after) <= set(before)
    if name == "groups" and isinstance(entry, Purpose):
        return not set(before) <= set(after)
    if name in _FALSE_IS_WIDER or name == "declinable":
        return not after
    return True


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(str(part) for part in value) + "]"
    if isinstance(value, msgspec.Struct):
        return " ".join(str(part) for part in msgspec.structs.astuple(value))
    return str(getattr(value, "value", value))
