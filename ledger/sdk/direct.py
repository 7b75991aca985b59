"""From a statement to the events of the log, for the transports that have no intake before them.

The same rules as the API's intake: the catalogue refuses a yes and reports a no, ``unsubscribe`` is decided,
noes come first, and event ids follow from the idempotency key.
"""

from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from ledger.domain.acts import Act, ActKind, event_ids, event_of, unsubscribe_as
from ledger.domain.admission import judge, not_ahead
from ledger.domain.catalogue import Catalogue
from ledger.domain.choices import fitted
from ledger.domain.events import Capture, Envelope, Lane, Origin, Seen, SubjectEvent
from ledger.domain.positions import Position
from ledger.errors import FieldReport, Rejected
from ledger.sdk.acts import held_back
from ledger.sdk.answers import RefusedChoice
from ledger.sdk.statements import Choice, Statement, refused_choice

__all__ = ["Part", "Partition", "Parts", "Speaker", "act_id_of", "event_for", "parts_of", "seen_elsewhere"]

_DROPPED_NAMES: Final = frozenset(
    {
        "purpose_group", "channel", "recipient", "item", "category", "notice", "expires_at", "topic",
        "message_class", "language", "occurred_at", "effective_from", "waited_ms", "seen", "voice", "capture",
    }
)  # fmt: skip
"""Names that ``dropped_fields`` has symbols for; what a caller sent under another name may itself be personal."""


class Speaker(NamedTuple):
    """For whom and as whom events are written."""

    controller: str
    source: str


class Partition(NamedTuple):
    """Where a person's live events go."""

    log_id: bytes
    generation: int
    partition: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One event to be: the act as decided, its id, and what is reported about it."""

    act: Act
    event_id: bytes
    index: int
    dropped: tuple[FieldReport, ...]
    kept: tuple[FieldReport, ...]
    occurred_at: int | None

    @property
    def dropped_names(self) -> tuple[str, ...]:
        """What was dropped, by the names that the log has symbols for."""
        names = (report.field if report.field in _DROPPED_NAMES else "unknown" for report in self.dropped)
        return tuple(dict.fromkeys(names))

    @property
    def reports(self) -> tuple[FieldReport, ...]:
        return self.dropped + self.kept


class Parts(NamedTuple):
    """What is recorded of a statement, and the yeses that are not."""

    recorded: tuple[Part, ...]
    refused: tuple[RefusedChoice, ...]


class _Judged(NamedTuple):
    choice: Choice
    act: Act
    reports: tuple[FieldReport, ...]


def act_id_of(statement: Statement) -> bytes:
    """The idempotency key as act id: over Kafka nothing else keeps the two together.

    Raises ``Rejected(idempotency_key_not_random)``: the id stands on the log for ever, so a key with a meaning, or
    one that could be guessed, must not become one.
    """
    try:
        key = UUID(statement.key)
    except ValueError as error:
        raise Rejected("idempotency_key_not_random") from error
    if key.version != 4:
        raise Rejected("idempotency_key_not_random")
    return key.bytes


def parts_of(statement: Statement, act_id: bytes, catalogue: Catalogue | None, now_ms: int) -> Parts:
    """The events to be, in order. Without a catalogue nothing is judged; a check judges by it in any case.

    Raises ``Rejected`` for a yes that the catalogue or its time refuses, before anything is written; where there
    are noes beside it, they are recorded and the yeses refused.
    """
    admitted: list[_Judged] = []
    refused = list(statement.refused)
    several = len(statement.choices) + len(refused) > 1
    occurred_at, ahead = not_ahead(statement.occurred_at, now_ms, protective=statement.has_no)
    for choice in statement.choices:
        try:
            if choice.act.is_yes and ahead:
                raise Rejected(ahead[0].code, field=ahead[0].field)
            admitted.append(_judged(choice, catalogue, now_ms, several=several))
        except Rejected as rejection:
            if not statement.has_no:
                raise
            refused.append(refused_choice(choice.given, rejection))
    if refused:
        refused += [held_back(judged.choice) for judged in admitted if judged.act.is_yes]
        admitted = [judged for judged in admitted if not judged.act.is_yes]
    # From all choices, so that an event keeps its id whichever yeses are refused; the noes come first.
    ids = event_ids(act_id, len(admitted) + len(refused))[: len(admitted)]
    parts = tuple(
        Part(
            act=judged.act,
            event_id=event_id,
            index=index,
            dropped=judged.choice.dropped + (statement.ignored + ahead if judged.act.is_protective else ()),
            kept=judged.reports,
            occurred_at=occurred_at,
        )
        for index, (judged, event_id) in enumerate(zip(admitted, ids, strict=True))
    )
    return Parts(parts, tuple(refused))


def event_for(
    part: Part,
    statement: Statement,
    speaker: Speaker,
    partition: Partition,
    *,
    act_id: bytes,
    catalogue: Catalogue | None,
    may_be_repeat: bool,
    commitment: bytes | None = None,
) -> SubjectEvent:
    """The event, with the wait until this moment: to be made anew for each attempt. ``commitment``: of the evidence
    that was kept for it."""
    envelope = Envelope(
        event_id=part.event_id,
        act_id=act_id,
        act_index=part.index,
        controller=speaker.controller,
        source=speaker.source,
        voice=statement.voice,
        capture=statement.capture,
        # What an import brings was not said here and now: its yes outranks nothing.
        origin=Origin.IMPORTED if statement.capture is Capture.IMPORT else Origin.DIRECT,
        occurred_at=part.occurred_at,
        effective_from=statement.effective_from,
        waited_ms=statement.wait_ms(),
        may_be_repeat=may_be_repeat,
        seen=_seen(statement.seen, partition) if part.act.is_yes else None,
        evidence_commitment=commitment,
        catalogue_version=catalogue.version if catalogue else None,
        dropped_fields=part.dropped_names,
    )
    return event_of(part.act, envelope)


def _judged(choice: Choice, catalogue: Catalogue | None, now_ms: int, *, several: bool) -> _Judged:
    act, reports = fitted(choice.act, catalogue) if several else (choice.act, ())
    if catalogue is not None:
        reports += judge(act, catalogue, now_ms)
    if act.act is ActKind.UNSUBSCRIBE:
        kind = unsubscribe_as(catalogue, act.purpose)
        notice = act.notice if kind is ActKind.WITHDRAW else None
        act = msgspec.structs.replace(act, act=kind, notice=notice)
    return _Judged(choice, act, reports)


def seen_elsewhere(part: Part, statement: Statement, partition: Partition) -> tuple[FieldReport, ...]:
    """The report on a yes whose ``seen`` tells nothing about the person's own partition."""
    if not part.act.is_yes or statement.seen is None or _seen(statement.seen, partition) is not None:
        return ()
    return (FieldReport("seen", "seen_elsewhere"),)


def _seen(token: str | None, partition: Partition) -> Seen | None:
    """What the screen had shown of the person's own partition; anything else says nothing about the order in it."""
    if token is None:
        return None
    log_id, generation, number = partition
    entry = Position.decode(token).entry((log_id, generation, Lane.LIVE.number, number))
    return entry.seen() if entry is not None else None
