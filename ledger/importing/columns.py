"""Which column of a file holds what: as the operator says, or guessed from the headers of well-known tools."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ledger.domain.identifiers import IdentifierKind
from ledger.errors import Rejected

__all__ = ["FIELDS", "Columns", "find_columns", "guess_columns", "parse_map"]

IDENTIFIERS: Final = tuple(kind.value for kind in IdentifierKind)
FIELDS: Final = (*IDENTIFIERS, "opted_in_at", "confirmed_at", "unsubscribed_at", "status", "tags")
"""What a column can be mapped to. Exactly one of the first three names the person."""

# Headers as tools write them, letters and digits only: Mailchimp, Shopify, WooCommerce with MailPoet, Klaviyo, Brevo.
# "created at" is none of them: having an account is no consent.
_WELL_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "email": frozenset(
        {"email", "emailaddress", "emailadress", "epost", "epostadress", "mail", "customeremail", "billingemail",
         "subscriberemail"}
    ),
    "opted_in_at": frozenset(
        {"optintime", "optindate", "optedinat", "subscribedat", "subscribedon", "subscribedate", "signupdate",
         "consentedat", "consenttimestamp", "emailmarketingconsenttimestamp", "emailmarketingconsentupdatedat"}
    ),
    "confirmed_at": frozenset({"confirmtime", "confirmedat", "confirmationtime", "doubleoptintime", "doubleoptindate"}),
    "unsubscribed_at": frozenset(
        {"unsubtime", "unsubscribedat", "unsubscribedon", "unsubscribetime", "unsubscribedate", "optouttime",
         "optedoutat", "optoutdate", "avregistrerad"}
    ),
    "status": frozenset(
        {"status", "memberstatus", "subscriptionstatus", "subscriberstatus", "emailstatus", "emailmarketingstatus",
         "emailmarketingconsent", "acceptsemailmarketing", "acceptsmarketing"}
    ),
    "tags": frozenset({"tags", "segments", "lists"}),
}  # fmt: skip


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The place of each mapped field in a line, and how many cells a line has. ``names`` are the headers."""

    identifier: int
    kind: IdentifierKind
    width: int
    names: Mapping[str, str]
    opted_in_at: int | None = None
    confirmed_at: int | None = None
    unsubscribed_at: int | None = None
    status: int | None = None
    tags: int | None = None

    @property
    def tell_answers(self) -> bool:
        """Whether any column says who agreed or who said no."""
        told = (self.opted_in_at, self.confirmed_at, self.unsubscribed_at, self.status)
        return any(place is not None for place in told)


def parse_map(texts: Iterable[str]) -> dict[str, str]:
    """Field to header, of ``email=Email Address,opted_in_at=OPTIN_TIME``. Raises ``Rejected(usage)``.

    A part without a sign of equality belongs to the header before it, since headers may hold commas.
    """
    wanted: dict[str, str] = {}
    for text in texts:
        last = None
        for part in text.split(","):
            field, sign, header = part.partition("=")
            if sign and field.strip() in FIELDS:
                last = field.strip()
                if last in wanted:
                    raise Rejected("usage", f"--map names {last} twice.")
                wanted[last] = header
            elif last is not None:
                wanted[last] += f",{part}"
            else:
                raise Rejected("usage", f"--map takes field=column; the fields are {', '.join(FIELDS)}.")
    empty = [field for field, header in wanted.items() if not header.strip()]
    if empty:
        raise Rejected("usage", f"--map gives no column for {', '.join(empty)}.")
    return {field: header.strip() for field, header in wanted.items()}


def guess_columns(header: Sequence[str]) -> dict[str, str]:
    """Field to header, where exactly one column bears a name that a well-known tool gives to the field."""
    guessed: dict[str, str] = {}
    for field, names in _WELL_KNOWN.items():
        found = [name for name in header if _letters(name) in names]
        if len(found) == 1:
            guessed[field] = found[0]
    return guessed


def find_columns(header: Sequence[str], wanted: Mapping[str, str]) -> Columns:
    """The places of the mapped columns, compared without case.

    Raises ``Rejected``: ``column_missing``, ``column_ambiguous`` (two columns of one name), ``column_identifier``
    (none or several that name the person).
    """
    kinds = [kind for kind in IDENTIFIERS if kind in wanted]
    if len(kinds) != 1:
        raise Rejected("column_identifier", identifiers=", ".join(kinds))
    places = {field: _place(header, field, name) for field, name in wanted.items()}
    rest = {field: place for field, place in places.items() if field not in IDENTIFIERS}
    return Columns(
        identifier=places[kinds[0]],
        kind=IdentifierKind(kinds[0]),
        width=len(header),
        names={field: header[place].strip() for field, place in places.items()},
        **rest,
    )


def _place(header: Sequence[str], field: str, name: str) -> int:
    found = [place for place, cell in enumerate(header) if _plain(cell) == _plain(name)]
    if not found:
        raise Rejected("column_missing", f"No column is called {name!r}, which --map names for {field}.", field=field)
    if len(found) > 1:
        raise Rejected("column_ambiguous", f"{len(found)} columns are called {name!r}.", field=field)
    return found[0]


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
