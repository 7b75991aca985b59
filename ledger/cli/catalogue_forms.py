"""The forms of a catalogue's tables in TOML, and the reading of one table as such a form."""

import datetime
import re
from typing import Annotated, Any, Final, TypeVar

import msgspec

from ledger.cli.catalogue_places import Report, nearest
from ledger.domain.catalogue import Balancing, Basis, Notice, NoticeText, Purpose, Texts

__all__ = ["CatalogueForm", "NoticeForm", "PurposeForm", "read_form"]

FormT = TypeVar("FormT", bound=msgspec.Struct)

_DAY: Final = datetime.timedelta(days=1)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")

Moment = Annotated[datetime.datetime, msgspec.Meta(tz=True)]
Version = Annotated[int, msgspec.Meta(ge=1, le=999_999)]


class BalancingForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``review_due`` is a date: the weighing holds to the end of that day, UTC."""

    reference: str
    review_due: datetime.date

    def as_balancing(self) -> Balancing:
        midnight = datetime.datetime.combine(self.review_due, datetime.time(), datetime.UTC)
        return Balancing(reference=self.reference, review_due_ms=_milliseconds(midnight + _DAY))


class PurposeForm(msgspec.Struct, frozen=True, kw_only=True):
    """``[[purposes]]``; the fields of :class:`ledger.domain.catalogue.Purpose`."""

    id: str
    title: Texts
    basis: Basis
    message_class: str
    direct_marketing: bool = False
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    balancing: BalancingForm | None = None
    existing_customer_required: bool = False

    def as_purpose(self) -> Purpose:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return Purpose(**fields | {"balancing": self.balancing.as_balancing() if self.balancing else None})


class NoticeForm(msgspec.Struct, frozen=True, kw_only=True):
    """``[[notices]]``; ``texts`` gives the file of each language, relative to the folder."""

    id: str
    version: Version
    purposes: tuple[str, ...]
    texts: dict[str, str]
    effective_from: Moment
    effective_until: Moment | None = None

    @property
    def reference(self) -> str:
        return f"{self.id}@{self.version}"

    def as_notice(self, texts: dict[str, NoticeText]) -> Notice:
        return Notice(
            id=self.id,
            version=self.version,
            purposes=self.purposes,
            texts=texts,
            effective_from_ms=_milliseconds(self.effective_from),
            effective_until_ms=_milliseconds(self.effective_until) if self.effective_until else None,
        )


class CatalogueForm(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file; its tables are read one by one, so that each mistake is told with its place."""

    format: int
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    controller: dict[str, Any]
    channels: dict[str, Texts]
    categories: dict[str, Texts]
    message_classes: list[dict[str, Any]]
    purposes: list[dict[str, Any]]
    recipients: list[dict[str, Any]] = []
    groups: dict[str, Texts] = {}
    notices: list[dict[str, Any]] = []
    holders: dict[str, dict[str, Any]] = {}
    holds: dict[str, dict[str, Any]] = {}


def read_form(
    tree: dict[str, Any], form: type[FormT], report: Report, table: str = "", entry: int = 0
) -> FormT | None:
    """``tree`` as ``form``, or None with findings: every unknown field, and the first wrong or missing one."""
    known = [field.name for field in msgspec.structs.fields(form)]
    stands_alone = table in ("", "controller") or "." in table
    place = table if stands_alone else f"{table}.{tree.get('id', entry + 1)}"
    for key in [key for key in tree if key not in known]:
        where = f" in {place}" if place else ""
        report.add(
            f"unknown field {key}{where}.{nearest(key, known)}", *((table, entry, key) if table else (key,))
        )
    try:
        return msgspec.convert({key: value for key, value in tree.items() if key in known}, form)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        path = path.rstrip("`").lstrip(".")
        field = re.split(r"[.\[]", path, maxsplit=1)[0]
        full = ".".join(part for part in (place, path) if part)
        report.add(
            f"{full}: {_plain(text)}" if full else _plain(text),
            *((table, entry, field) if table else (field,)),
        )
        return None


def _plain(text: str) -> str:
    """msgspec's sentence without its marks."""
    return _MISSING.sub(r"the field \1 is missing", text).replace("`", "")


def _milliseconds(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
