"""How an event becomes rows of standing: read from the event alone, with no catalogue, clock or other event.

How rows join is in :mod:`ledger.domain.rows`; what they mean together is said when asked, in
:mod:`ledger.domain.decision`.
"""

from ledger.domain.events import (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    Lane,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    Scope,
    SubjectEvent,
)
from ledger.domain.ranks import Rank, Record, advance_stamp, no_rank, yes_rank
from ledger.domain.rows import CLASS_MARK, TOPIC_MARK, Detail, Half, Row, Shape, fold, merge, row_key

__all__ = ["Half", "Record", "Row", "advance_stamp", "fold", "merge", "row_key", "rows_of"]


def rows_of(event: SubjectEvent, record: Record) -> tuple[Row, ...]:
    """The rows that one event writes, given the stamped record it came in."""
    match event:
        case ConsentGiven():
            return (_consent_given(event, record),)
        case ConsentRefused():
            return (_no("consent", "refused", event.envelope, event.scope, record, notice=event.notice),)
        case ConsentWithdrawn():
            return (_no("consent", "withdrawn", event.envelope, event.scope, record, notice=event.notice),)
        case PreferenceSet():
            return (_preference(event, record),)
        case ObjectionRaised():
            return (_objection(event, record),)
        case NoticeServed():
            return (_notice_served(event, record),)


def _consent_given(event: ConsentGiven, record: Record) -> Row:
    envelope = event.envelope
    half = _half("given", yes_rank(envelope, record), envelope, record)
    if event.confirms is not None:
        return _row(
            "pair", "double_opt_in", envelope, event.scope, instance=event.confirms.hex(), second=half
        )
    detail = _detail(
        envelope, record, until_ms=event.expires_at, notice=event.notice, verified=event.verified
    )
    end = "" if event.expires_at is None else event.expires_at
    instance = _instance(f"{event.notice}|{end}", "verified" if event.verified else "", envelope, record)
    return _row("yes", "consent", envelope, event.scope, instance=instance, first=half, detail=detail)


def _no(
    kind: str,
    value: str,
    envelope: Envelope,
    scope: Scope,
    record: Record,
    *,
    item: str | None = None,
    purpose_group: str | None = None,
    notice: str | None = None,
) -> Row:
    half = _half(value, no_rank(envelope, record), envelope, record)
    detail = _detail(envelope, record, notice=notice)
    return _row(
        "no",
        kind,
        envelope,
        scope,
        item=item,
        purpose_group=purpose_group,
        instance=_lane_mark(record),
        first=half,
        detail=detail,
    )


def _preference(event: PreferenceSet, record: Record) -> Row:
    envelope, scope = event.envelope, event.scope
    item = scope.item if event.topic is None else TOPIC_MARK + event.topic
    group = scope.purpose_group if event.message_class is None else CLASS_MARK + event.message_class
    if event.direction != "in":
        return _no("preference", "opted_out", envelope, scope, record, item=item, purpose_group=group)
    if event.topic is not None and scope.item is not None:
        # Said of a topic within an item: wider than that a no may be, a yes may not, so it names neither alone.
        item = scope.item + TOPIC_MARK + event.topic
    if event.message_class is not None and scope.purpose_group is not None:
        group = scope.purpose_group + CLASS_MARK + event.message_class
    half = _half("opted_in", yes_rank(envelope, record), envelope, record)
    return _row(
        "yes",
        "preference",
        envelope,
        scope,
        item=item,
        purpose_group=group,
        instance=_instance("", "", envelope, record),
        first=half,
        detail=_detail(envelope, record),
    )


def _objection(event: ObjectionRaised, record: Record) -> Row:
    envelope = event.envelope
    half = _half("objected", no_rank(envelope, record), envelope, record)
    return _row(
        "episode",
        "objection",
        envelope,
        event.scope,
        instance=event.episode_id.hex(),
        first=half,
        detail=_detail(envelope, record),
    )


def _notice_served(event: NoticeServed, record: Record) -> Row:
    envelope = event.envelope
    half = _half("served", Rank(record.stamp_ms, 0), envelope, record)
    return _row(
        "remark",
        "notice_served",
        envelope,
        Scope(),
        instance=event.notice,
        first=half,
        detail=_detail(envelope, record, notice=event.notice),
    )


def _instance(text: str, verified: str, envelope: Envelope, record: Record) -> str:
    """What keeps two yeses of one scope apart: whatever a decision weighs besides the rank.

    Were a grant that begins next month, or one that nobody verified, to take the place of another, then removing
    it would turn deny into allow.
    """
    begins = envelope.effective_from
    ahead = f"from {begins}" if begins is not None and begins > record.stamp_ms else ""
    return "|".join(part for part in (text, ahead, verified, _lane_mark(record)) if part)


def _lane_mark(record: Record) -> str:
    """Empty for the live lane of the first generation.

    Ranks of two partitions compare only within the skew of their clocks, so there the greater must not take the
    place of the lower: a yes that outranks the one may well not outrank the other.
    """
    coordinates = record.coordinates
    lane = "" if coordinates.lane is Lane.LIVE else coordinates.lane.value
    generation = "" if coordinates.generation == 1 else f"generation {coordinates.generation}"
    return "|".join(part for part in (lane, generation) if part)


def _half(value: str, rank: Rank, envelope: Envelope, record: Record) -> Half:
    coordinates = record.coordinates
    return Half(
        value=value,
        rank_ms=rank.ms,
        rank_seq=rank.seq,
        event_id=envelope.event_id,
        generation=coordinates.generation,
        lane=coordinates.lane.number,
        partition=coordinates.partition,
        offset=coordinates.offset,
    )


def _detail(
    envelope: Envelope,
    record: Record,
    *,
    until_ms: int | None = None,
    notice: str | None = None,
    verified: bool = False,
) -> Detail:
    return Detail(
        effective_from_ms=envelope.effective_from,
        until_ms=until_ms,
        notice=notice,
        verified=verified,
        capture=envelope.capture.value,
        stamp_ms=record.stamp_ms,
        waited_ms=envelope.waited_ms,
    )


def _row(
    shape: Shape,
    kind: str,
    envelope: Envelope,
    scope: Scope,
    *,
    item: str | None = None,
    purpose_group: str | None = None,
    instance: str = "",
    first: Half | None = None,
    detail: Detail | None = None,
    second: Half | None = None,
) -> Row:
    key_fields = (
        shape,
        envelope.voice.value,
        kind,
        scope.purpose or "",
        (purpose_group if purpose_group is not None else scope.purpose_group) or "",
        scope.channel or "",
        scope.recipient or "",
        (item if item is not None else scope.item) or "",
        scope.category or "",
        instance,
    )
    _, voice, _, purpose, group, channel, recipient, row_item, category, _ = key_fields
    return Row(
        row_key=row_key(*key_fields),
        shape=shape,
        voice=voice,
        kind=kind,
        purpose=purpose,
        purpose_group=group,
        channel=channel,
        recipient=recipient,
        item=row_item,
        category=category,
        instance=instance,
        first=first,
        detail=detail,
        second=second,
    )
