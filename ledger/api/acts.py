"""``POST /v1/acts``: its forms, and the reading of one request into a submission.

Read by hand and not into a struct: whether a defect refuses the request or is dropped and reported depends on the
acts in it (:mod:`ledger.api.protective`).
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from ledger.api.bodies import convert, nearest
from ledger.api.people import Named, SubjectForm, named
from ledger.api.positions import position_in
from ledger.api.protective import Entry, Findings, is_protective_kind, read_entries
from ledger.domain.admission import FUTURE_TOLERANCE_MS
from ledger.domain.events import Capture, Voice
from ledger.domain.evidence import Evidence, read_evidence
from ledger.domain.identifiers import is_id, screen
from ledger.domain.moments import moment_ms
from ledger.domain.positions import Position
from ledger.errors import FieldReport, Rejected

__all__ = [
    "ActForm",
    "ActsAnswer",
    "ActsBody",
    "Outranking",
    "Recorded",
    "Refused",
    "Report",
    "Submission",
    "read",
]

MAX_ACTS: Final = 100
MAX_AHEAD_MS: Final = 366 * 24 * 3600 * 1000
"""A yes that takes effect later than in a year is a mistake of the year, not a plan."""
MAX_WAIT_MS: Final = 10 * MAX_AHEAD_MS
MemberT = TypeVar("MemberT", Capture, Voice)

_CONTENT: Final = msgspec.json.Encoder(order="sorted")


class ActForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act. In a no, a field left out means everything. ``expires_at`` is RFC 3339. ``verified``, of a grant: the
    identifier was proved to be the person's, as by a click in a mail that was sent to it."""

    act: str
    purpose: str | None = None
    purpose_group: str | None = None
    channel: str | None = None
    recipient: str | None = None
    item: str | None = None
    category: str | None = None
    notice: str | None = None
    expires_at: str | None = None
    topic: str | None = None
    message_class: str | None = None
    language: str | None = None
    verified: bool | None = None


class ActsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act of one person, with one or several choices. ``waited_ms``: null when nobody could measure."""

    subject: SubjectForm
    acts: list[ActForm]
    occurred_at: str | None = None
    effective_from: str | None = None
    waited_ms: int | None = 0
    seen: str | None = None
    capture: str = "self"
    voice: str = "person"
    evidence: Evidence | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A field that was dropped, or kept although nobody declared it, and why."""

    field: str
    code: str


class Outranking(msgspec.Struct, frozen=True, kw_only=True):
    """The standing no that a yes does not outrank. ``reason`` is ``opted_out`` for keys that may not read."""

    event_id: str
    reason: str
    purpose: str | None
    channel: str | None
    recorded_at: int


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One event, acknowledged by all in-sync replicas. Place and time are null for a repeat not yet folded.

    ``effective`` is true for a no, false for a yes that is outranked, null when nobody could tell in time.
    """

    act: str
    event_id: str
    purpose: str | None
    channel: str | None
    effective: bool | None
    outranked_by: Outranking | None
    partition: int | None
    offset: int | None
    recorded_at: int | None
    dropped_fields: tuple[str, ...]
    reports: tuple[Report, ...]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A choice that was not recorded, beside noes that were. ``index`` is its place in the request."""

    index: int
    act: str
    purpose: str | None
    channel: str | None
    code: str
    field: str | None
    detail: str


class ActsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded. ``position`` covers all of it: pass it as ``at_least``."""

    act_id: str
    position: str
    recorded: tuple[Recorded, ...]
    refused: tuple[Refused, ...]
    repeat: bool


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One request, read. ``entries`` stand in the order in which they are recorded, noes first.

    ``dropped`` are the fields beside the acts that could not be used; ``refusal`` is the first of them as an error,
    which refuses the yeses. ``content`` tells a repeat from another act: times, wait, ``seen`` and evidence are not in
    it.
    """

    who: Named
    entries: tuple[Entry, ...]
    occurred_at: int | None
    effective_from: int | None
    waited_ms: int | None
    seen: Position | None
    capture: Capture
    voice: Voice
    evidence: Evidence | None
    dropped: tuple[FieldReport, ...]
    refusal: Rejected | None
    content: bytes


def read(body: Mapping[str, Any], now_ms: int) -> Submission:
    """The submission in a body. Raises ``Rejected`` when nothing of it could be recorded."""
    who = named(convert(body.get("subject"), SubjectForm)) if "subject" in body else None
    if who is None:
        raise Rejected("field_missing", "The field subject is missing at $.", field="subject", path="$")
    acts = _raw_acts(body)
    findings = Findings()
    _look_for_surplus(body, findings)
    yes = not all(is_protective_kind(fields.get("act")) for fields in acts)
    submission = Submission(
        who=who,
        entries=read_entries(acts),
        occurred_at=findings.take(lambda: _occurred_at(body.get("occurred_at"), now_ms), None),
        effective_from=findings.take(lambda: _effective_from(body.get("effective_from"), now_ms), None),
        waited_ms=findings.take(lambda: _waited_ms(body.get("waited_ms", 0)), None),
        seen=findings.take(lambda: _seen(body.get("seen")), None) if yes else None,
        capture=findings.take(lambda: _member(Capture.SELF, "capture", body.get("capture")), Capture.SELF),
        voice=findings.take(lambda: _member(Voice.PERSON, "voice", body.get("voice")), Voice.PERSON),
        evidence=findings.take(lambda: read_evidence(body.get("evidence")), None),
        dropped=(),
        refusal=None,
        content=_content(body, acts),
    )
    return msgspec.structs.replace(submission, dropped=findings.reports, refusal=findings.first)


def _raw_acts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    acts = body.get("acts")
    if acts is None:
        raise Rejected("field_missing", "The field acts is missing at $.", field="acts", path="$")
    if not isinstance(acts, list):
        raise Rejected("field_wrong_type", "At $.acts: Expected `array`.", path="$.acts")
    if not 1 <= len(acts) <= MAX_ACTS:
        raise Rejected("acts_count", f"One act holds 1 to {MAX_ACTS} choices.", path="$.acts", limit=MAX_ACTS)
    for index, act in enumerate(acts):
        if not isinstance(act, dict):
            raise Rejected(
                "field_wrong_type", f"At $.acts[{index}]: Expected `object`.", path=f"$.acts[{index}]"
            )
    return acts


def _look_for_surplus(body: Mapping[str, Any], findings: Findings) -> None:
    known = ActsBody.__struct_fields__
    for name in body:
        if name not in known:
            shown = name if is_id(name) and screen(name) is None else "unknown"
            close = nearest(name, known)
            hint = f" Did you mean {close}?" if close else ""
            findings.add(
                Rejected(
                    "field_unknown",
                    f"There is no field {shown} at $.{hint}",
                    field=shown,
                    path="$",
                    nearest=close,
                )
            )


def _occurred_at(value: object, now_ms: int) -> int | None:
    ms = _moment("occurred_at", value)
    if ms is not None and ms > now_ms + FUTURE_TOLERANCE_MS:
        raise Rejected("time_in_future", "occurred_at lies in the future.", field="occurred_at")
    return ms


def _effective_from(value: object, now_ms: int) -> int | None:
    ms = _moment("effective_from", value)
    if ms is not None and ms > now_ms + MAX_AHEAD_MS:
        raise Rejected("effective_too_far_ahead", field="effective_from")
    return ms


def _moment(field: str, value: object) -> int | None:
    return None if value is None else moment_ms(value, field)


def _waited_ms(value: object) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= MAX_WAIT_MS):
        return value
    detail = "waited_ms must be a whole number of milliseconds, 0 or more, or null."
    raise Rejected("field_wrong_type", detail, field="waited_ms", path="$.waited_ms")


def _seen(value: object) -> Position | None:
    return None if value is None else position_in(value, "seen")


def _member(default: MemberT, field: str, value: object) -> MemberT:
    if value is None:
        return default
    kind = type(default)
    try:
        return kind(value)
    except ValueError as error:
        names = ", ".join(member.value for member in kind)
        raise Rejected(
            "field_wrong_type", f"{field} is one of {names}.", field=field, path=f"$.{field}"
        ) from error


def _content(body: Mapping[str, Any], acts: list[dict[str, Any]]) -> bytes:
    """What the request says, in a canonical form: fields that are null are as good as left out."""
    said = [{name: value for name, value in fields.items() if value is not None} for fields in acts]
    stated = {name: body.get(name) for name in ("effective_from", "capture", "voice")}
    return _CONTENT.encode((said, stated))
