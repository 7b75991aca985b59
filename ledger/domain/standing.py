"""How an event becomes rows of standing: read from the event alone, with no catalogue, clock or other event.

How rows join is in :mod:`ledger.domain.rows`; what they mean together is said when asked, in
:mod:`ledger.domain.decision`.
"""

from ledger.domain.erasure_rows import erasure_rows
from ledger.domain.events import (
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    QuarantineAdmitted,
    QuarantineDiscarded,
    Scope,
    SubjectEvent,
)
from ledger.domain.ranks import Rank, Record, advance_stamp, no_rank, yes_rank
from ledger.domain.row_forms import detail_of, half_of, instance_of, lane_mark, row_of
from ledger.domain.rows import CLASS_MARK, TOPIC_MARK, Half, Row, fold, merge, row_key

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
        case QuarantineAdmitted() | QuarantineDiscarded():
            # What they say is about another record, which then writes its own rows or none.
            return ()
        case _:
            return erasure_rows(event, record)


def _consent_given(event: ConsentGiven, record: Record) -> Row:
    envelope = event.envelope
    half = half_of("given", yes_rank(envelope, record), envelope, record)
    if event.confirms is not None:
        return row_of(
            "pair", "double_opt_in", envelope, event.scope, instance=event.confirms.hex(), second=half
        )
    detail = detail_of(
        envelope, record, until_ms=event.expires_at, notice=event.notice, verified=event.verified
    )
    end = "" if event.expires_at is None else event.expires_at
    instance = instance_of(f"{event.notice}|{end}", "verified" if event.verified else "", envelope, record)
    return row_of("yes", "consent", envelope, event.scope, instance=instance, first=half, detail=detail)


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
    half = half_of(value, no_rank(envelope, record), envelope, record)
    detail = detail_of(envelope, record, notice=notice)
    return row_of(
        "no",
        kind,
        envelope,
        scope,
        item=item,
        purpose_group=purpose_group,
        instance=lane_mark(record),
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
    half = half_of("opted_in", yes_rank(envelope, record), envelope, record)
    return row_of(
        "yes",
        "preference",
        envelope,
        scope,
        item=item,
        purpose_group=group,
        instance=instance_of("", "", envelope, record),
        first=half,
        detail=detail_of(envelope, record),
    )


def _objection(event: ObjectionRaised, record: Record) -> Row:
    envelope = event.envelope
    half = half_of("objected", no_rank(envelope, record), envelope, record)
    return row_of(
        "episode",
        "objection",
        envelope,
        event.scope,
        instance=event.episode_id.hex(),
        first=half,
        detail=detail_of(envelope, record),
    )


def _notice_served(event: NoticeServed, record: Record) -> Row:
    envelope = event.envelope
    half = half_of("served", Rank(record.stamp_ms, 0), envelope, record)
    return row_of(
        "remark",
        "notice_served",
        envelope,
        Scope(),
        instance=event.notice,
        first=half,
        detail=detail_of(envelope, record, notice=event.notice),
    )
