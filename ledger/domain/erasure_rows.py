"""The rows of being erased, of coming back, and of being one person under two ids.

An erasure is an episode of everything, or of one category each: blocked is its first half and erased its second, so
that nothing which comes later makes it less than it was. What it masks is said in
:mod:`ledger.domain.forgetting`; later events still join, so that live and rebuild agree whatever came first.
"""

from ledger.domain.envelope import Envelope, Scope
from ledger.domain.erasure_events import (
    ErasureAdvanced,
    ErasureCarried,
    ErasureRequested,
    HeldCategory,
    IdentifierLinked,
    SubjectBlocked,
    SubjectErased,
    SuppressionCarried,
)
from ledger.domain.ranks import BROKER_SKEW_MS, RANK_MAX, Rank, Record, no_rank
from ledger.domain.row_forms import detail_of, half_of, lane_mark, row_of
from ledger.domain.rows import CLASS_MARK, TOPIC_MARK, Row

__all__ = ["ErasureEvent", "erasure_rows"]

ErasureEvent = (
    ErasureRequested
    | SubjectBlocked
    | SubjectErased
    | ErasureAdvanced
    | SuppressionCarried
    | ErasureCarried
    | IdentifierLinked
)


def erasure_rows(event: ErasureEvent, record: Record) -> tuple[Row, ...]:
    """The rows of one of these events."""
    envelope = event.envelope
    request = envelope.request_id.hex() if envelope.request_id is not None else ""
    match event:
        case SubjectBlocked():
            return tuple(_blocked(category, request, envelope, record) for category in _each(event.categories))
        case SubjectErased():
            erased = (_erased(category, request, envelope, record) for category in _each(event.categories))
            return (*erased, *(_hold(held, request, envelope, record) for held in event.held))
        case SuppressionCarried():
            return (_suppression(event, record),)
        case ErasureCarried():
            return (_erased_before(event, record),)
        case IdentifierLinked():
            return (_link(event, record),)
        case ErasureRequested():
            return (_remark("erasure_requested", request, envelope, record),)
        case ErasureAdvanced():
            place = "|".join((request, event.step, event.holder or ""))
            return (_remark("erasure_step", place, envelope, record),)


def _each(categories: tuple[str, ...]) -> tuple[str | None, ...]:
    return categories or (None,)


def _blocked(category: str | None, request: str, envelope: Envelope, record: Record) -> Row:
    return row_of(
        "episode",
        "erasure",
        envelope,
        Scope(category=category),
        instance=request,
        first=half_of("blocked", no_rank(envelope, record), envelope, record),
        detail=detail_of(envelope, record),
    )


def _erased(category: str | None, request: str, envelope: Envelope, record: Record) -> Row:
    half = half_of("erased", no_rank(envelope, record), envelope, record)
    return row_of("episode", "erasure", envelope, Scope(category=category), instance=request, second=half)


def _hold(held: HeldCategory, request: str, envelope: Envelope, record: Record) -> Row:
    return row_of(
        "episode",
        "hold",
        envelope,
        Scope(category=held.category),
        instance=f"{held.hold}|{request}",
        first=half_of("held", no_rank(envelope, record), envelope, record),
        detail=detail_of(envelope, record, until_ms=held.until_ms),
    )


def _suppression(event: SuppressionCarried, record: Record) -> Row:
    envelope = event.envelope
    # The no was ranked by another partition's clock.
    rank = min(
        no_rank(envelope, record),
        Rank(min(event.rank_ms, RANK_MAX - BROKER_SKEW_MS) + BROKER_SKEW_MS, RANK_MAX),
    )
    return row_of(
        "no",
        "suppression",
        envelope,
        event.scope,
        item=None if event.topic is None else TOPIC_MARK + event.topic,
        purpose_group=None if event.message_class is None else CLASS_MARK + event.message_class,
        instance=lane_mark(record),
        first=half_of("suppressed", rank, envelope, record),
        detail=detail_of(envelope, record),
    )


def _erased_before(event: ErasureCarried, record: Record) -> Row:
    rank = Rank(event.erased_before_ms, 0)
    return row_of(
        "fact",
        "erased_before",
        event.envelope,
        Scope(),
        first=half_of("erased_before", rank, event.envelope, record),
        detail=detail_of(event.envelope, record, revision=event.erased_before_ms),
    )


def _link(event: IdentifierLinked, record: Record) -> Row:
    envelope = event.envelope
    return row_of(
        "episode",
        "link",
        envelope,
        Scope(),
        instance=event.link_id.hex(),
        first=half_of("linked", no_rank(envelope, record), envelope, record),
        detail=detail_of(envelope, record, verified=event.verified, other_subject_id=event.other_subject_id),
    )


def _remark(kind: str, instance: str, envelope: Envelope, record: Record) -> Row:
    return row_of(
        "remark",
        kind,
        envelope,
        Scope(),
        instance=instance,
        first=half_of(kind, Rank(record.stamp_ms, 0), envelope, record),
        detail=detail_of(envelope, record),
    )
