"""The words that a rights request is asked, put off and refused in: closed lists, and names of the catalogue in force.

A request says nothing in free text: what it says stands on the log for ever.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from ledger.domain.catalogue import Catalogue
from ledger.domain.identifiers import is_id, screen
from ledger.domain.moments import moment_ms
from ledger.errors import Rejected

__all__ = [
    "EXTENSION_REASONS",
    "IDENTITIES",
    "REFUSAL_REASONS",
    "checked_reason",
    "require_declared",
    "since_ms",
]

IDENTITIES: Final = ("proven", "unproven")
"""Whether the asker has been shown to be the person (GDPR art. 12(6)). An unproven request freezes nobody."""

EXTENSION_REASONS: Final[Mapping[str, str]] = {
    "complex": "The request is complex (GDPR art. 12(3)).",
    "many_requests": "The person, or many people, made many requests (GDPR art. 12(3)).",
    "identity_unclear": "It took long to find out who asks (GDPR art. 12(6)).",
}
REFUSAL_REASONS: Final[Mapping[str, str]] = {
    "not_the_person": "The asker could not be shown to be the person (GDPR art. 12(2), 12(6)).",
    "manifestly_unfounded": "The request is manifestly unfounded (GDPR art. 12(5)(b)).",
    "excessive": "The request is excessive, above all by repetition (GDPR art. 12(5)(b)).",
    "no_ground": "None of the grounds for erasure applies (GDPR art. 17(1)).",
    "freedom_of_expression": "For freedom of expression and information (GDPR art. 17(3)(a)).",
    "legal_obligation": "A legal obligation demands the processing (GDPR art. 17(3)(b)).",
    "public_health": "For reasons of public health (GDPR art. 17(3)(c)).",
    "archiving_or_research": "For archiving in the public interest, research or statistics (GDPR art. 17(3)(d)).",
    "legal_claims": "To establish, exercise or defend legal claims (GDPR art. 17(3)(e)).",
    "withdrawn": "The person has taken the request back.",
}
_CALENDAR: Final = ZoneInfo("Europe/Stockholm")


def checked_reason(reason: str, known: Collection[str]) -> str:
    """``reason`` itself if it stands in the list; raises ``Rejected(reason_unknown)``, which names the list."""
    if reason not in known:
        raise Rejected(
            "reason_unknown", f"The reason is one of {', '.join(known)}.", field="reason", path="$.reason"
        )
    return reason


def require_declared(catalogue: Catalogue | None, categories: Iterable[str], holds: Iterable[str]) -> None:
    """Returns when the catalogue in force declares them all.

    Raises ``Rejected`` (``category_unknown``, ``hold_unknown``): erasing what nobody declared would erase nothing,
    and a hold that nobody declared has no end. ``catalogue_missing`` when there is none to look in.
    """
    asked, stated = list(categories), list(holds)
    if catalogue is None:
        if asked or stated:
            raise Rejected("catalogue_missing")
        return
    for code, field, names, declared in (
        ("category_unknown", "categories", asked, catalogue.categories),
        ("hold_unknown", "holds", stated, catalogue.holds),
    ):
        unknown = next((name for name in names if name not in declared), None)
        if unknown is not None:
            # Only an id is repeated: what callers send as a name can hold an address too.
            shown = f" {unknown}" if is_id(unknown) and screen(unknown) is None else ""
            detail = f"The catalogue in force does not declare{shown} among its {field}."
            raise Rejected(code, detail, field=field, path=f"$.{field}")


def since_ms(value: object, field: str) -> int:
    """The moment from which a hold counts: RFC 3339, an aware ``datetime``, or a day, in the controller's calendar.

    Raises ``Rejected(time_malformed)``.
    """
    day = _day(value)
    if day is not None:
        return moment_ms(datetime.combine(day, time(), _CALENDAR), field)
    return moment_ms(value, field)


def _day(value: object) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == len("2026-11-24") else None
        except ValueError:
            return None
    return None
