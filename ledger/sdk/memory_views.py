"""How a ledger in memory shows what it holds: the same forms as the API's answers."""

from ledger.domain.rows import Row
from ledger.domain.shown import event_fields, standing_fields, time_text
from ledger.sdk.answers import HistoryEvent, Outranking, StandingRow
from ledger.sdk.memory_log import Appended

__all__ = ["history_event", "outranking_of", "standing_row"]


def outranking_of(row: Row) -> Outranking:
    half, detail = row.first, row.detail
    return Outranking(
        event_id=half.event_id.hex() if half else "",
        reason=half.value if half else None,
        purpose=row.purpose or None,
        channel=row.channel or None,
        recorded_at=detail.stamp_ms if detail else None,
    )


def standing_row(row: Row) -> StandingRow:
    return StandingRow(**standing_fields(row))


def history_event(appended: Appended) -> HistoryEvent:
    body, envelope = event_fields(appended.event)
    return HistoryEvent(
        event_id=appended.event.envelope.event_id.hex(),
        act_id=appended.event.envelope.act_id.hex(),
        type=type(appended.event).__name__,
        recorded_at=appended.record.broker_ms,
        outcome=appended.outcome,
        partition=appended.record.coordinates.partition,
        offset=appended.record.coordinates.offset,
        effective_from=time_text(appended.event.envelope.effective_from),
        body=body,
        envelope=envelope,
    )
