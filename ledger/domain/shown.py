"""How a row and an event are shown to those who may read: ids in hex, times in RFC 3339, what was left out as None.

The API's answers and the SDK's ledger in memory both go through here, so that a test written against the one holds for
the other.
"""

from typing import Any

import msgspec

from ledger.domain.events import Event
from ledger.domain.moments import moment_text
from ledger.domain.rows import Row

__all__ = ["event_fields", "standing_fields", "time_text"]


def standing_fields(row: Row) -> dict[str, Any]:
    """One row of standing, by the names of ``GET /v1/subjects/{subject_id}/standing``."""
    first, detail, second = row.first, row.detail, row.second
    if row.kind == "erasure" and second is not None:
        # Erased is no end of having been blocked, it is more of it.
        first, second = second, None
    return {
        "shape": row.shape,
        "voice": row.voice,
        "kind": row.kind,
        "value": first.value if first else None,
        "purpose": row.purpose or None,
        "purpose_group": row.purpose_group or None,
        "channel": row.channel or None,
        "recipient": row.recipient or None,
        "item": row.item or None,
        "category": row.category or None,
        "event_id": first.event_id.hex() if first else None,
        "recorded_at": detail.stamp_ms if detail else None,
        "effective_from": time_text(detail.effective_from_ms) if detail else None,
        "expires_at": time_text(detail.until_ms) if detail else None,
        "notice": detail.notice if detail else None,
        "verified": detail.verified if detail else None,
        "capture": detail.capture if detail else None,
        "ended_by": second.event_id.hex() if second else None,
    }


def event_fields(event: Event) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """An event's body and its envelope, if it has one."""
    fields: dict[str, Any] = _plain(msgspec.to_builtins(event, builtin_types=(bytes,)))
    envelope = fields.pop("envelope", None)
    return fields, envelope


def time_text(ms: int | None) -> str | None:
    """Milliseconds since the epoch in RFC 3339, UTC."""
    return None if ms is None else moment_text(ms)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if part is not None}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
