"""Times as the world writes them (RFC 3339, aware datetimes) and as the ledger keeps them (ms since the epoch, UTC)."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from ledger.errors import Rejected

__all__ = ["moment_ms", "moment_text"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def moment_ms(value: object, field: str) -> int:
    """Whole milliseconds since the epoch, rounded down, of an RFC 3339 text or an aware ``datetime``.

    Raises ``Rejected(time_malformed)``: a time without its offset from UTC could be any of two dozen.
    """
    if isinstance(value, str):
        try:
            value = msgspec.convert(value, datetime)
        except msgspec.ValidationError as error:
            raise _malformed(field) from error
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _malformed(field)
    return (value - _EPOCH) // _MILLISECOND


def moment_text(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, such as ``2026-11-24T08:00:00.000Z``."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _malformed(field: str) -> Rejected:
    detail = f"{field} must be an RFC 3339 time with its offset from UTC, such as 2026-11-24T09:00:00+01:00."
    return Rejected("time_malformed", detail, field=field)
