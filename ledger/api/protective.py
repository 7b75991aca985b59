"""What keeps a protective act from being refused or lost for a side reason, and a yes from slipping through with a
defect.

A defect becomes two things at once: a report, with which the noes of the request are recorded nevertheless, and an
error, which refuses its yeses. A request in which anything is refused has only its noes recorded; one that has none
is refused as a whole, before anything is appended.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ledger.api.bodies import nearest
from ledger.domain.acts import PROTECTIVE_KINDS, YES_KINDS, Act, ActKind, unsubscribe_as
from ledger.domain.admission import admit, judge
from ledger.domain.catalogue import Catalogue
from ledger.domain.choices import fitted
from ledger.errors import FieldReport, LedgerError, Rejected

__all__ = [
    "Entry",
    "Findings",
    "held_back",
    "is_protective_kind",
    "judged",
    "read_entries",
    "recordable",
    "without_yeses",
]

ValueT = TypeVar("ValueT")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One act of a request: as it may be recorded (``act``), or why not (``refusal``).

    ``index`` is its place in the request; ``place`` its place in the act on the log, noes first.
    """

    index: int
    place: int
    kind: str
    act: Act | None
    dropped: tuple[FieldReport, ...] = ()
    kept: tuple[FieldReport, ...] = ()
    refusal: LedgerError | None = None

    @property
    def is_protective(self) -> bool:
        return self.act is not None and self.act.is_protective


class Findings:
    """The defects of what is common to all acts of a request."""

    def __init__(self) -> None:
        self._reports: list[FieldReport] = []
        self.first: Rejected | None = None

    @property
    def reports(self) -> tuple[FieldReport, ...]:
        return tuple(dict.fromkeys(self._reports))

    def add(self, rejection: Rejected) -> None:
        self._reports.append(FieldReport(str(rejection.context.get("field", "unknown")), rejection.code))
        self.first = self.first or rejection

    def take(self, read: Callable[[], ValueT], otherwise: ValueT) -> ValueT:
        """What ``read`` gives, or ``otherwise`` if it is rejected, which is found then."""
        try:
            return read()
        except Rejected as rejection:
            self.add(rejection)
            return otherwise


def is_protective_kind(name: object) -> bool:
    """Whether an act of this name only tightens, whatever else is wrong with it."""
    return any(name == kind.value for kind in PROTECTIVE_KINDS)


def read_entries(acts: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The acts of a request, each read on its own, in the order in which they are recorded.

    Raises ``Rejected(act_unknown)``: nobody can say whether an unknown act is a no.
    """
    order = sorted(range(len(acts)), key=lambda index: _is_yes_kind(acts[index].get("act")))
    return tuple(_read_entry(acts[index], index, place) for place, index in enumerate(order))


def judged(
    entries: Iterable[Entry], catalogue: Catalogue | None, refusal: LedgerError | None, now_ms: int
) -> tuple[Entry, ...]:
    """The entries held against the catalogue: ``unsubscribe`` decided, the common channel fitted, what nobody
    declared refused in a yes and reported in a no. ``refusal`` refuses every act that is not protective."""
    several = len(tuple(entries := tuple(entries))) > 1
    return tuple(_judged(entry, catalogue, refusal, now_ms, several) for entry in entries)


def recordable(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries to record: all, or where one is refused the noes alone.

    Raises the first refusal when that leaves nothing.
    """
    refused = [entry.refusal for entry in entries if entry.refusal is not None]
    if not refused:
        return tuple(entries)
    left = tuple(entry for entry in entries if entry.refusal is None and entry.is_protective)
    if not left:
        raise refused[0]
    return left


def without_yeses(entries: Iterable[Entry], refusal: LedgerError) -> tuple[Entry, ...]:
    """The entries with every act that is not protective refused, for its own reason if it has one."""
    return tuple(
        entry if entry.is_protective else msgspec.structs.replace(entry, refusal=entry.refusal or refusal)
        for entry in entries
    )


def held_back(entry: Entry) -> LedgerError:
    """Why an entry is not recorded: its own refusal, or that of another."""
    return entry.refusal or Rejected("choice_held_back")


def _read_entry(fields: Mapping[str, Any], index: int, place: int) -> Entry:
    try:
        admitted = admit(fields)
    except Rejected as rejection:
        rejection.context |= {"index": index, "path": _path(index, rejection)}
        if rejection.code == "field_unknown":
            rejection.context["nearest"] = nearest(str(rejection.context["field"]), Act.__struct_fields__)
        if rejection.code == "act_unknown":
            raise
        return Entry(index=index, place=place, kind=str(fields["act"]), act=None, refusal=rejection)
    return Entry(
        index=index, place=place, kind=admitted.act.act.value, act=admitted.act, dropped=admitted.dropped
    )


def _judged(
    entry: Entry, catalogue: Catalogue | None, refusal: LedgerError | None, now_ms: int, several: bool
) -> Entry:
    if entry.act is None:
        return entry
    act, fitting = fitted(entry.act, catalogue) if several else (entry.act, ())
    if act.act is ActKind.UNSUBSCRIBE:
        kind = unsubscribe_as(catalogue, act.purpose)
        act = msgspec.structs.replace(act, act=kind, notice=act.notice if kind is ActKind.WITHDRAW else None)
    if refusal is not None and not act.is_protective:
        return msgspec.structs.replace(entry, refusal=refusal)
    try:
        reports = judge(act, catalogue, now_ms)
    except Rejected as rejection:
        rejection.context |= {"index": entry.index, "path": _path(entry.index, rejection)}
        return msgspec.structs.replace(entry, refusal=rejection)
    return msgspec.structs.replace(entry, act=act, kept=fitting + reports)


def _is_yes_kind(name: object) -> bool:
    return any(name == kind.value for kind in YES_KINDS)


def _path(index: int, rejection: Rejected) -> str:
    field = rejection.context.get("field")
    return f"$.acts[{index}].{field}" if field not in (None, "unknown") else f"$.acts[{index}]"
