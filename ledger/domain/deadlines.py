"""By when: answers to requests, and the ends of holds, reckoned in the controller's own calendar.

Months are calendar months: one that begins on the 31st ends on the last day of a shorter month (Regulation (EEC,
Euratom) No 1182/71, art. 3(2)(c)). A period ends with the last hour of its last day.
"""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from ledger.domain.catalogue import Hold

__all__ = ["EXTENSION_MONTHS", "REQUEST_MONTHS", "hold_ends", "request_due"]

REQUEST_MONTHS: Final = 1
"""A person is owed an answer within one month of the request (GDPR art. 12(3))."""
EXTENSION_MONTHS: Final = 2
"""By so much more it can be put off where requests are complex or many (GDPR art. 12(3))."""
CALENDAR: Final = ZoneInfo("Europe/Stockholm")
_DAY: Final = timedelta(days=1)


def request_due(received_ms: int, *, extended: bool = False) -> int:
    """The last millisecond in which the person can be answered in time."""
    months = REQUEST_MONTHS + (EXTENSION_MONTHS if extended else 0)
    return _end_of_day(_local(received_ms) + relativedelta(months=months))


def hold_ends(hold: Hold, since_ms: int) -> int:
    """The last millisecond of a hold that applies since a moment."""
    ends = _local(since_ms) + relativedelta(years=hold.years, months=hold.months)
    if hold.until_year_end:
        ends = ends.replace(month=12, day=31)
    return _end_of_day(ends)


def _local(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, CALENDAR)


def _end_of_day(day: datetime) -> int:
    midnight = datetime.combine(day.date() + _DAY, time(), CALENDAR)
    return int(midnight.timestamp() * 1000) - 1
