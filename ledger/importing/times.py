"""Times as exports write them, read without a guess.

Accepted: ISO 8601 (``2023-05-01``, ``2023-05-01 10:00[:00[.000]]`` with or without an offset), seconds or milliseconds
since the epoch, RFC 2822 (``Mon, 01 May 2023 10:00:00 +0200``). ``03/04/2024`` is March in one country and April in
another, so it is read only when somebody said which (:class:`Order`).
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

import msgspec

from ledger.errors import Rejected

__all__ = ["Order", "Stated", "TimeRules", "read_time", "says_nothing"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)
# Below lie the zeros that tools write for "never": 1900, 1899-12-30 (spreadsheets), 1970, 1980.
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
MAX_CHARACTERS: Final = 64

_NOTHING: Final = frozenset(
    {"", "-", "--", "null", "(null)", "none", "nil", "n/a", "na", "nan", "\\n", "never", "0000-00-00", "0000-00-00 00:00:00"}
)
_ISO: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ]+(?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?P<fraction>[.,]\d{1,9})?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.IGNORECASE,
)
_LOCAL: Final = re.compile(
    r"(?P<first>\d{1,2})[/.-](?P<second>\d{1,2})[/.-](?P<year>\d{4}|\d{2})"
    r"(?:,? +(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<seconds>\d\d))?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?)?"
)
_RFC_2822: Final = re.compile(r"(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(:\d\d)? (?:[+-]\d{4}|GMT|UTC|UT|Z)")
_SECONDS: Final = re.compile(r"\d{9,11}(\.\d{1,6})?")
_MILLISECONDS: Final = re.compile(r"\d{12,13}")


class Order(str, Enum):
    """What the first two numbers of ``03/04/2024`` are."""

    DAY_FIRST = "DD/MM/YYYY"
    MONTH_FIRST = "MM/DD/YYYY"


class TimeRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the file's times are meant. ``zone`` is that of times which name none."""

    zone: tzinfo = UTC
    order: Order | None = None


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """A stated time, in ms since the epoch: ``Monday`` is a whole day, and so is an hour that a clock went through twice.

    ``first_ms`` and ``last_ms`` are the ends of what it may mean, ``at_ms`` is the later reading of the instant itself.
    """

    first_ms: int
    at_ms: int
    last_ms: int
    is_day: bool

    @property
    def yes_from_ms(self) -> int:
        """From when a yes counts in the past: not before it certainly was given."""
        return self.last_ms if self.is_day else self.at_ms

    @property
    def no_from_ms(self) -> int:
        """From when a no counts in the past: as early as it may have been said."""
        return self.first_ms


def says_nothing(text: str) -> bool:
    """Whether a cell holds one of the signs that tools write for *no such time*."""
    return text.strip().lower() in _NOTHING


def read_time(text: str, rules: TimeRules) -> Stated:
    """The time in a cell.

    Raises ``Rejected``: ``time_ambiguous`` where day and month cannot be told apart, ``time_malformed`` for what is no
    time, ``time_implausible`` before 1990. The detail never repeats the cell.
    """
    text = text.strip()
    stated = None if len(text) > MAX_CHARACTERS else _read(text, rules)
    if stated is None:
        raise Rejected("time_malformed", "The cell holds no time in a form that is read without a guess.")
    if stated.at_ms < _ms(_EARLIEST):
        raise Rejected("time_implausible")
    return stated


def _read(text: str, rules: TimeRules) -> Stated | None:
    try:
        if (found := _ISO.fullmatch(text)) is not None:
            return _of_iso(found, rules)
        if _SECONDS.fullmatch(text):
            return _of_instant(_EPOCH + timedelta(seconds=float(text)), timedelta(seconds=1))
        if _MILLISECONDS.fullmatch(text):
            return _of_instant(_EPOCH + timedelta(milliseconds=int(text)), _MILLISECOND)
        if (found := _RFC_2822.fullmatch(text)) is not None:
            moment = parsedate_to_datetime(text)
            # "-0000" is UTC from a host that does not know its zone (RFC 2822, 3.3).
            moment = moment.replace(tzinfo=moment.tzinfo or UTC)
            return _of_instant(moment, timedelta(seconds=1 if found[1] else 60))
        if (found := _LOCAL.fullmatch(text)) is not None:
            return _of_local(found, rules)
    except (ValueError, OverflowError):
        # The 31st of April, the 25th hour, the year 300,000: written like a time, and none.
        return None
    return None


def _of_iso(found: re.Match[str], rules: TimeRules) -> Stated:
    if found["minute"] is None:
        return _of_naive(datetime.fromisoformat(found["day"]), _DAY, rules.zone)
    # Six digits of a second at most: more than a clock can tell.
    fraction = (found["fraction"] or "").replace(",", ".")[:7]
    written = f"{found['day']}T{found['minute']}{found['second'] or ':00'}{fraction and fraction.ljust(7, '0')}"
    span = timedelta(seconds=1) if found["second"] else timedelta(minutes=1)
    span = _MILLISECOND if fraction else span
    zone = found["zone"]
    if zone is None:
        return _of_naive(datetime.fromisoformat(written), span, rules.zone)
    return _of_instant(datetime.fromisoformat(written + (zone if zone[0] in "+-" else "+00:00")), span)


def _of_local(found: re.Match[str], rules: TimeRules) -> Stated | None:
    if rules.order is None or len(found["year"]) != 4:
        raise Rejected("time_ambiguous")
    first, second = int(found["first"]), int(found["second"])
    day, month = (first, second) if rules.order is Order.DAY_FIRST else (second, first)
    midnight = datetime(int(found["year"]), month, day)
    if found["hour"] is None:
        return _of_naive(midnight, _DAY, rules.zone)
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].lower() == "p" else 0)
    local = midnight.replace(hour=hour, minute=int(found["minute"]), second=int(found["seconds"] or 0))
    return _of_naive(local, timedelta(seconds=1) if found["seconds"] else timedelta(minutes=1), rules.zone)


def _of_naive(local: datetime, span: timedelta, zone: tzinfo) -> Stated:
    """A time on the file's own clock: in the hour that comes twice each autumn, both readings are kept."""
    if zone is UTC and span != _DAY:
        return _of_instant(local.replace(tzinfo=UTC), span)
    first = local.replace(tzinfo=zone, fold=0)
    later = local.replace(tzinfo=zone, fold=1)
    # In the hour that spring leaves out, the reading with fold 1 is the earlier instant (PEP 495).
    first_ms, at_ms = sorted((_ms(first), _ms(later)))
    if span == _DAY:
        end = (local + span).replace(tzinfo=zone)
        return Stated(first_ms=first_ms, at_ms=at_ms, last_ms=_ms(end) - 1, is_day=True)
    return Stated(first_ms=first_ms, at_ms=at_ms, last_ms=at_ms + span // _MILLISECOND - 1, is_day=False)


def _of_instant(instant: datetime, span: timedelta) -> Stated:
    ms = _ms(instant)
    return Stated(first_ms=ms, at_ms=ms, last_ms=ms + span // _MILLISECOND - 1, is_day=False)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
