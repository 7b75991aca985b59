"""What the ledger answers, as values: a recorded act, a decision, a person's standing and history."""

from typing import Any, Protocol

import msgspec

from ledger.domain.decision import Decision, Question
from ledger.errors import FieldReport, Rejected
from ledger.sdk.people import Person, checked_person

__all__ = [
    "Ask",
    "Decision",
    "FieldReport",
    "HasPosition",
    "HistoryEvent",
    "HistoryPage",
    "Link",
    "Outranking",
    "RecordedEvent",
    "RefusedChoice",
    "Saved",
    "Standing",
    "StandingRow",
    "position_token",
]


class Ask(msgspec.Struct, frozen=True):
    """One question of :meth:`Ledger.check_many`: may this be done with this person's data?"""

    person: Person
    purpose: str
    channel: str | None = None
    recipient: str | None = None
    category: str | None = None
    item: str | None = None

    def __post_init__(self) -> None:
        checked_person(self.person)

    def question(self) -> Question:
        """What is asked, without about whom."""
        return Question(
            purpose=self.purpose,
            channel=self.channel,
            recipient=self.recipient,
            item=self.item,
            category=self.category,
        )


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What two names lead to since they were linked.

    ``outcome``: ``attached`` (the one that nobody had is now the other's), ``joined`` (two subject ids are one person
    from now on) or ``already``. ``position`` covers what was recorded for it, None when nothing was: pass it, or this
    answer, as ``at_least``.
    """

    subject_id: str
    other_subject_id: str
    outcome: str
    position: str | None = None


class Outranking(msgspec.Struct, frozen=True, kw_only=True):
    """The standing no that a yes does not outrank; ``reason`` as a check would give it."""

    event_id: str
    reason: str | None = None
    purpose: str | None = None
    channel: str | None = None
    recorded_at: int | None = None


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of an act, acknowledged by all in-sync replicas of the log.

    ``effective`` is false for a yes that a no outranks (``outranked_by`` says which), None when nobody could tell
    in time. ``recorded_at`` is broker time in ms. ``reports`` name fields that were dropped, or kept although the
    catalogue does not declare them.
    """

    act: str
    event_id: str
    purpose: str | None = None
    channel: str | None = None
    effective: bool | None = None
    outranked_by: Outranking | None = None
    partition: int | None = None
    offset: int | None = None
    recorded_at: int | None = None
    dropped_fields: tuple[str, ...] = ()
    reports: tuple[FieldReport, ...] = ()


class RefusedChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A yes that was not recorded, although the noes of the same act were; ``code`` says why.

    One refused yes holds back the others (``choice_held_back``): mend it and send the yeses again.
    """

    act: str
    purpose: str | None = None
    channel: str | None = None
    code: str
    field: str | None = None
    detail: str | None = None


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """An act that is recorded: durable, and checkable once ``position`` is reached (pass it as ``at_least``).

    ``repeat``: the same act had been recorded under this idempotency key before, and has one effect. ``refused``:
    choices that were not recorded beside those that were.
    """

    act_id: str
    position: str
    events: tuple[RecordedEvent, ...]
    repeat: bool = False
    refused: tuple[RefusedChoice, ...] = ()

    @property
    def effective(self) -> bool | None:
        """False if some choice is outranked or refused, None if that is not known of all, else true."""
        verdicts = {event.effective for event in self.events}
        if self.refused or False in verdicts:
            return False
        return None if None in verdicts else True

    @property
    def outranked_by(self) -> Outranking | None:
        """What outranked the first yes that is not effective."""
        return next((event.outranked_by for event in self.events if event.outranked_by is not None), None)

    @property
    def reports(self) -> tuple[FieldReport, ...]:
        """What was dropped or taken as given, over all events, each once."""
        return tuple(dict.fromkeys(report for event in self.events for report in event.reports))


class StandingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of what holds. A scope field of None was left out by the act. ``recorded_at`` is ms of ledger time."""

    shape: str
    voice: str
    kind: str
    value: str | None = None
    purpose: str | None = None
    purpose_group: str | None = None
    channel: str | None = None
    recipient: str | None = None
    item: str | None = None
    category: str | None = None
    event_id: str | None = None
    recorded_at: int | None = None
    effective_from: str | None = None
    expires_at: str | None = None
    notice: str | None = None
    verified: bool | None = None
    capture: str | None = None
    ended_by: str | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What currently holds for one person; ``subject_id`` is None for somebody unknown.

    ``position`` is what a settings screen carries into the acts made on it, as ``seen``.
    """

    subject_id: str | None = None
    position: str | None = None
    staleness_ms: int | None = None
    rows: tuple[StandingRow, ...] = ()


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One record about the person. ``outcome``: counted, repeat, conflicting or quarantined.

    ``envelope`` and ``body`` are None for a record that was set aside; ids in them are hexadecimal.
    """

    event_id: str | None = None
    act_id: str | None = None
    type: str | None = None
    recorded_at: int | None = None
    outcome: str
    lane: str = "live"
    partition: int | None = None
    offset: int | None = None
    effective_from: str | None = None
    body: dict[str, Any] | None = None
    envelope: dict[str, Any] | None = None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events oldest first; pass ``next_cursor`` to go on, None at the end."""

    subject_id: str | None = None
    events: tuple[HistoryEvent, ...] = ()
    next_cursor: str | None = None


class HasPosition(Protocol):
    """Whatever was answered at a position: :class:`Saved`, a decision, a standing."""

    @property
    def position(self) -> str | None: ...


def position_token(value: str | HasPosition | None) -> str | None:
    """The token in ``value``; raises ``Rejected(position_malformed)`` for what has none."""
    if value is None or isinstance(value, str):
        return value
    token = getattr(value, "position", None)
    if not isinstance(token, str):
        raise Rejected("position_malformed")
    return token
