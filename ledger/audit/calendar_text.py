"""Moments as people in Sweden read them: in the calendar in which deadlines are reckoned."""

from datetime import datetime

from ledger.domain.deadlines import CALENDAR

__all__ = ["day_words", "minute_words"]


def day_words(ms: int) -> str:
    """``2032-12-31``."""
    return _local(ms).strftime("%Y-%m-%d")


def minute_words(ms: int) -> str:
    """``2032-12-31 23:59``."""
    return _local(ms).strftime("%Y-%m-%d %H:%M")


def _local(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, CALENDAR)
