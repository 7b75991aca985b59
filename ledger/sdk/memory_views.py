"""How a ledger in memory shows what it holds: the same forms as the API's answers."""

from typing import Any

import msgspec

from ledger.domain.moments import moment_text
from ledger.domain.rows import Row
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
    half, detail = row.first, row.detail
    return StandingRow(
        shape=row.shape,
        voice=row.voice,
        kind=row.kind,
        value=half.value if half else None,
        purpose=row.purpose or None,
        purpose_group=row.purpose_group or None,
        channel=row.channel or None,
        recipient=row.recipient or None,
        item=row.item or None,
        category=row.category or None,
        event_id=half.event_id.hex() if half else None,
        recorded_at=detail.stamp_ms if detail else None,
        effective_from=_text(detail.effective_from_ms) if detail else None,
        expires_at=_text(detail.until_ms) if detail else None,
        notice=detail.notice if detail else None,
        verified=detail.verified if detail else None,
        capture=detail.capture if detail else None,
        ended_by=row.second.event_id.hex() if row.second else None,
    )


def history_event(appended: Appended) -> HistoryEvent:
    fields = _shown(msgspec.to_builtins(appended.event, builtin_types=(bytes,)))
    envelope = fields.pop("envelope")
    return HistoryEvent(
        event_id=envelope["event_id"],
        act_id=envelope["act_id"],
        type=type(appended.event).__name__,
        recorded_at=appended.record.broker_ms,
        outcome=appended.outcome,
        partition=appended.record.coordinates.partition,
        offset=appended.record.coordinates.offset,
        effective_from=_text(appended.event.envelope.effective_from),
        body=fields,
        envelope=envelope,
    )


def _shown(value: Any) -> Any:
    """As the API shows it: bytes in hex, what is None left out."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _shown(part) for name, part in value.items() if part is not None}
    return [_shown(part) for part in value] if isinstance(value, list | tuple) else value


def _text(ms: int | None) -> str | None:
    return None if ms is None else moment_text(ms)
