"""Whether an act may be recorded as given: field by field, and against the catalogue.

A yes with a defect is refused. A protective act is never refused or lost for a side reason: an offending optional
field is dropped and reported, an undeclared name is kept and reported. One exception: a purpose without the syntax
of an id, or with a personal value in it, is refused, since dropping it would mean *everything*.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from ledger.domain.acts import Act, ActKind
from ledger.domain.catalogue import Basis, Catalogue
from ledger.domain.identifiers import is_id, is_notice_ref, screen
from ledger.domain.moments import moment_ms
from ledger.errors import FieldReport, Rejected

__all__ = ["FUTURE_TOLERANCE_MS", "Admitted", "admit", "judge", "not_ahead", "occurred_at_of", "time_of"]

FUTURE_TOLERANCE_MS: Final = 300_000
"""How far a producer's clock may be ahead before its ``occurred_at`` counts as a mistake: five minutes."""

_SCOPE: Final = frozenset({"purpose", "purpose_group", "channel", "recipient", "item", "category"})
_TAKES: Final[dict[ActKind, frozenset[str]]] = {
    ActKind.GRANT: _SCOPE - {"purpose_group"} | {"notice", "expires_at", "verified"},
    ActKind.REFUSE: _SCOPE | {"notice"},
    ActKind.WITHDRAW: _SCOPE | {"notice"},
    ActKind.OBJECT: _SCOPE,
    ActKind.PREFERENCE_IN: _SCOPE | {"topic", "message_class"},
    ActKind.PREFERENCE_OUT: _SCOPE | {"topic", "message_class"},
    ActKind.UNSUBSCRIBE: _SCOPE | {"notice"},
    ActKind.NOTICE_SERVED: frozenset({"notice", "language"}),
}
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


class Admitted(NamedTuple):
    """The act that may be recorded, and what was dropped from it. ``dropped`` is empty for a yes."""

    act: Act
    dropped: tuple[FieldReport, ...] = ()


def admit(fields: Mapping[str, object]) -> Admitted:
    """The act in ``fields`` (named as in ``POST /v1/acts``; None means left out), screened.

    Times are RFC 3339 texts or aware datetimes. Raises ``Rejected`` with the field in its context.
    """
    kind = _kind_of(fields.get("act"))
    act = Act(act=kind)
    kept: dict[str, object] = {}
    dropped: list[FieldReport] = []
    for field, value in fields.items():
        if field == "act" or value is None:
            continue
        try:
            kept[field] = _read(kind, field, value)
        except Rejected as rejection:
            if not act.is_protective or field == "purpose":
                raise
            dropped.append(FieldReport(_printable(field), rejection.code))
    _require_names(kind, kept)
    return Admitted(_built(kind, kept), tuple(dropped))


def judge(act: Act, catalogue: Catalogue | None, now_ms: int) -> tuple[FieldReport, ...]:
    """What the controller has not declared: raised as ``Rejected`` for a yes, kept and reported for anything else.

    Without a catalogue a yes is refused (``catalogue_missing``): nothing could be allowed by it.
    """
    if catalogue is None:
        findings = [FieldReport("purpose", "catalogue_missing")]
    else:
        findings = list(_undeclared(act, catalogue))
        if act.act is ActKind.GRANT and not findings:
            findings = list(_void(act, catalogue, now_ms))
    if findings and act.is_yes:
        field, code = findings[0]
        raise Rejected(code, field=field)
    return tuple(findings) if catalogue is not None else ()


def time_of(field: str, value: object, *, protective: bool) -> tuple[int | None, tuple[FieldReport, ...]]:
    """``effective_from`` and the like in ms; a malformed one is dropped and reported for a protective act."""
    if value is None:
        return None, ()
    try:
        return moment_ms(value, field), ()
    except Rejected as rejection:
        if not protective:
            raise
        return None, (FieldReport(field, rejection.code),)


def occurred_at_of(
    value: object, now_ms: int, *, protective: bool
) -> tuple[int | None, tuple[FieldReport, ...]]:
    """When the person acted, as the producer says, in ms; see :func:`not_ahead`."""
    ms, dropped = time_of("occurred_at", value, protective=protective)
    ms, ahead = not_ahead(ms, now_ms, protective=protective)
    return ms, dropped + ahead


def not_ahead(
    occurred_at: int | None, now_ms: int, *, protective: bool
) -> tuple[int | None, tuple[FieldReport, ...]]:
    """``occurred_at`` unless it lies in the future: then it is refused, or ignored for a protective act."""
    if occurred_at is None or occurred_at <= now_ms + FUTURE_TOLERANCE_MS:
        return occurred_at, ()
    if not protective:
        raise Rejected("time_in_future", "occurred_at lies in the future.", field="occurred_at")
    return None, (FieldReport("occurred_at", "time_in_future"),)


def _kind_of(name: object) -> ActKind:
    try:
        return ActKind(name)
    except ValueError as error:
        raise Rejected("act_unknown", "An act is one of " + ", ".join(ActKind) + ".", field="act") from error


def _read(kind: ActKind, field: str, value: object) -> object:
    if field not in Act.__struct_fields__:
        raise Rejected(
            "field_unknown", f"An act has no field {_printable(field)!r}.", field=_printable(field)
        )
    if field not in _TAKES[kind]:
        raise Rejected("field_not_taken", f"{kind.value} takes no {field}.", field=field)
    if field == "expires_at":
        return moment_ms(value, field)
    if field == "verified":
        if not isinstance(value, bool):
            raise Rejected("field_wrong_type", "verified is true or false.", field=field)
        return value
    if not isinstance(value, str):
        raise Rejected("field_wrong_type", f"{field} must be a text.", field=field)
    found = screen(value)
    if found is not None:
        raise Rejected(found, field=field)
    if not _has_syntax(field, value):
        raise Rejected(
            "id_malformed", f"{field} does not have the syntax of {_syntax_of(field)}.", field=field
        )
    return value


def _has_syntax(field: str, value: str) -> bool:
    if field == "notice":
        return is_notice_ref(value)
    return _LANGUAGE.fullmatch(value) is not None if field == "language" else is_id(value)


def _syntax_of(field: str) -> str:
    return {"notice": "a notice, such as signup@3", "language": "a language, such as sv"}.get(
        field, "an id: a-z, 0-9, _ . - and at most 64 characters"
    )


def _require_names(kind: ActKind, kept: Mapping[str, object]) -> None:
    """A person's yes has no wildcard, and a grant without the text that was shown proves nothing (GDPR art. 7(1))."""
    if kind in (ActKind.GRANT, ActKind.NOTICE_SERVED) and "notice" not in kept:
        raise Rejected("notice_required", field="notice")
    named = ("purpose", "purpose_group", "message_class") if kind is ActKind.PREFERENCE_IN else ("purpose",)
    needs_purpose = kind in (ActKind.GRANT, ActKind.PREFERENCE_IN, ActKind.UNSUBSCRIBE)
    if needs_purpose and not any(field in kept for field in named):
        raise Rejected("purpose_required", field="purpose")


def _built(kind: ActKind, kept: Mapping[str, object]) -> Act:
    return Act(act=kind, **kept)  # type: ignore[arg-type]  # each value was read by the rule of its field


def _undeclared(act: Act, catalogue: Catalogue) -> Iterator[FieldReport]:
    declared: tuple[tuple[str, str | None, Collection[str], str], ...] = (
        ("purpose", act.purpose, catalogue.purposes, "purpose_unknown"),
        ("purpose_group", act.purpose_group, catalogue.groups, "purpose_group_unknown"),
        ("channel", act.channel, catalogue.channels, "channel_unknown"),
        ("recipient", act.recipient, catalogue.recipients, "recipient_unknown"),
        ("category", act.category, catalogue.categories, "category_unknown"),
        ("message_class", act.message_class, catalogue.message_classes, "message_class_unknown"),
        ("notice", act.notice, catalogue.notices, "notice_unknown"),
    )
    for field, value, known, code in declared:
        if value is not None and value not in known:
            yield FieldReport(field, code)


def _void(act: Act, catalogue: Catalogue, now_ms: int) -> Iterator[FieldReport]:
    """Why a grant of declared names could never allow anything."""
    purpose, notice = catalogue.purposes[act.purpose or ""], catalogue.notices[act.notice or ""]
    if purpose.basis is not Basis.CONSENT:
        yield FieldReport("purpose", "purpose_needs_no_consent")
    if purpose.channels and act.channel is None:
        yield FieldReport("channel", "channel_required")
    elif act.channel is not None and act.channel not in purpose.channels:
        yield FieldReport("channel", "channel_not_declared")
    if act.recipient is not None and act.recipient not in purpose.recipients:
        yield FieldReport("recipient", "recipient_not_declared")
    if act.category is not None and act.category not in purpose.categories:
        yield FieldReport("category", "category_not_declared")
    if purpose.id not in notice.purposes or notice.effective_from_ms > now_ms + FUTURE_TOLERANCE_MS:
        yield FieldReport("notice", "notice_not_valid")


def _printable(field: str) -> str:
    """A field's name as it may be shown: what callers send as a name can hold an address too."""
    return field if is_id(field) and screen(field) is None else "unknown"
