"""From a call of the SDK to a statement that a transport can send: checked here, before anything leaves.

A yes with a defect raises ``Rejected``. A protective act is never refused for a side reason: what offends is
dropped, or left for the intake to drop, and stands in ``Saved.reports``. Where one act holds both, the noes are
recorded and the yeses stand in ``Saved.refused``. Nothing here invents ``occurred_at``.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple, TypedDict, TypeVar

from ledger.domain.acts import PROTECTIVE_KINDS, YES_KINDS, ActKind
from ledger.domain.admission import admit, time_of
from ledger.domain.events import Capture, Voice
from ledger.domain.evidence import Evidence, read_evidence
from ledger.errors import FieldReport, Rejected
from ledger.event_log.clock import seconds_since_boot
from ledger.sdk.answers import HasPosition, RefusedChoice, position_token
from ledger.sdk.people import Person, checked_person
from ledger.sdk.statements import Choice, Statement, refused_choice

__all__ = ["Circumstances", "choices", "held_back", "state"]

MAX_ACTS: Final = 100
"""Choices in one act: more than any form shows."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

NameT = TypeVar("NameT", bound=Enum)


class Circumstances(TypedDict, total=False):
    """How an act came about: what the caller knows. Nothing is filled in for what is left out."""

    occurred_at: datetime | str | None
    """When the person acted, by the clock of the device; a datetime with its zone, or RFC 3339."""
    effective_from: datetime | str | None
    """When the act takes effect, if stated: the date of a letter. It moves the effect, not the order."""
    waited_ms: int | None
    """How long the act lay in a queue, by a clock that runs through sleep; None: nobody could measure. Else 0."""
    capture: str
    """self (default), clerk, letter, phone, device, import, system."""
    voice: str
    """person (default), administrator, controller, authority, signal."""
    evidence: Evidence | None
    """What proves the act: address of the device, agent, form, page. Kept sealed, and gone with the person."""
    idempotency_key: str | None
    """Names the act over all its attempts; drawn at random where left out. Over Kafka it must be a random UUID."""


class _Told(NamedTuple):
    """The circumstances as read, and what was ignored of them."""

    occurred_at: int | None
    effective_from: int | None
    waited_ms: int | None
    capture: Capture
    voice: Voice
    seen: str | None
    evidence: Evidence | None
    ignored: tuple[FieldReport, ...]


def state(
    person: Person,
    given: Sequence[Mapping[str, object]],
    circumstances: Circumstances,
    seen: str | HasPosition | None = None,
) -> Statement:
    """The statement for ``given``, acts as ``POST /v1/acts`` names them; raises ``Rejected``."""
    named = checked_person(person)
    _check_names(circumstances)
    if not 1 <= len(given) <= MAX_ACTS:
        raise Rejected("acts_count", f"One act holds 1 to {MAX_ACTS} choices, not {len(given)}.")
    has_no = any(ActKind(fields["act"]) in PROTECTIVE_KINDS for fields in given)
    told = _told(circumstances, seen, protective=has_no)
    admitted, refused = _admitted(given, has_no, told.ignored)
    key = circumstances.get("idempotency_key")
    return Statement(
        person=named,
        choices=admitted,
        key=key or str(uuid.uuid4()),
        key_is_own=key is None,
        called_at=seconds_since_boot(),
        occurred_at=told.occurred_at,
        effective_from=told.effective_from,
        waited_ms=told.waited_ms,
        seen=told.seen,
        capture=told.capture,
        voice=told.voice,
        evidence=told.evidence,
        ignored=told.ignored,
        refused=refused,
    )


def choices(
    granted: Iterable[str], refused: Iterable[str], notice: str, channel: str | None
) -> list[dict[str, object]]:
    """A form with several boxes as acts, noes first. A purpose both granted and refused is refused to be recorded."""
    yes, no = list(granted), list(refused)
    both = sorted(set(yes) & set(no))
    if both:
        raise Rejected("choice_contradicts", f"{', '.join(both)}: granted and refused in one act.")
    named = [("refuse", purpose) for purpose in no] + [("grant", purpose) for purpose in yes]
    return [{"act": act, "purpose": purpose, "notice": notice, "channel": channel} for act, purpose in named]


def held_back(choice: Choice) -> RefusedChoice:
    """How the answer names a yes without a defect of its own, beside one that has."""
    return refused_choice(choice.given, Rejected("choice_held_back"))


def _admitted(
    given: Sequence[Mapping[str, object]], has_no: bool, ignored: Sequence[FieldReport]
) -> tuple[tuple[Choice, ...], tuple[RefusedChoice, ...]]:
    """The acts that may be recorded, noes first, and the yeses that may not, where there are noes beside them."""
    kept: list[Choice] = []
    refused: list[RefusedChoice] = []
    for fields in given:
        is_yes = ActKind(fields["act"]) in YES_KINDS
        try:
            act, dropped = admit(fields)
            if is_yes and ignored:
                # What a no goes without may have made the yes count earlier: it cannot be left out of a yes.
                raise Rejected(ignored[0].code, field=ignored[0].field)
            kept.append(Choice(act, fields, dropped))
        except Rejected as rejection:
            if not is_yes or not has_no:
                raise
            refused.append(refused_choice(fields, rejection))
    if refused:
        refused += [held_back(choice) for choice in kept if choice.act.is_yes]
        kept = [choice for choice in kept if not choice.act.is_yes]
    kept.sort(key=lambda choice: choice.act.is_yes)
    return tuple(kept), tuple(refused)


def _told(circumstances: Circumstances, seen: str | HasPosition | None, *, protective: bool) -> _Told:
    occurred_at, late = time_of("occurred_at", circumstances.get("occurred_at"), protective=protective)
    effective_from, undated = time_of(
        "effective_from", circumstances.get("effective_from"), protective=protective
    )
    waited_ms, unmeasured = _waited(circumstances.get("waited_ms", 0), protective)
    capture, uncaught = _named(
        Capture, "capture", circumstances.get("capture", "self"), Capture.SELF, protective
    )
    voice, unheard = _named(Voice, "voice", circumstances.get("voice", "person"), Voice.PERSON, protective)
    token, unseen = _seen(seen, protective)
    evidence, unproved = _evidence(circumstances.get("evidence"), protective)
    ignored = late + undated + unmeasured + uncaught + unheard + unseen + unproved
    return _Told(occurred_at, effective_from, waited_ms, capture, voice, token, evidence, ignored)


def _check_names(circumstances: Circumstances) -> None:
    unknown = sorted(set(circumstances) - Circumstances.__optional_keys__)
    if unknown:
        raise Rejected("field_unknown", f"An act has no field {unknown[0]!r}.", field=unknown[0])
    key = circumstances.get("idempotency_key")
    if key is not None and (not isinstance(key, str) or _KEY.fullmatch(key) is None):
        raise Rejected("idempotency_key_malformed")


def _waited(value: object, protective: bool) -> tuple[int | None, tuple[FieldReport, ...]]:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value, ()
    if not protective:
        detail = "waited_ms must be a whole number of milliseconds, or None."
        raise Rejected("field_wrong_type", detail, field="waited_ms")
    return None, (FieldReport("waited_ms", "field_wrong_type"),)


def _seen(value: str | HasPosition | None, protective: bool) -> tuple[str | None, tuple[FieldReport, ...]]:
    try:
        return position_token(value), ()
    except Rejected as rejection:
        if not protective:
            raise
        return None, (FieldReport("seen", rejection.code),)


def _evidence(value: object, protective: bool) -> tuple[Evidence | None, tuple[FieldReport, ...]]:
    try:
        return read_evidence(value), ()
    except Rejected as rejection:
        if not protective:
            raise
        return None, (FieldReport("evidence", rejection.code),)


def _named(
    kind: type[NameT], field: str, value: object, default: NameT, protective: bool
) -> tuple[NameT, tuple[FieldReport, ...]]:
    try:
        return kind(value), ()
    except ValueError as error:
        if protective:
            return default, (FieldReport(field, "field_wrong_type"),)
        names = ", ".join(member.value for member in kind)
        raise Rejected("field_wrong_type", f"{field} is one of {names}.", field=field) from error
