"""What is turned away, and what is taken all the same: a yes with a defect, and a no with the same defect."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.sdk import LedgerError, Saved, email
from tests.demo.companies import OMILON
from tests.demo.stage import Stage


class Attempt(NamedTuple):
    """One act with a defect, and what became of it. ``recorded`` counts the events that reached the log."""

    said: str
    outcome: str
    expected: str
    recorded: int


async def attempt_all(stage: Stage) -> list[Attempt]:
    """Every attempt, one after the other."""
    ledger, gun = stage.client(OMILON), email("gun@example.se")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    where = {"channel": "email", "notice": OMILON.sign_up[0].notice}
    return [
        await _attempt(
            "a grant for a purpose that nobody declared",
            lambda: ledger.grant(gun, purpose="om.sell", **where),
            "refused (purpose_unknown)",
        ),
        await _attempt(
            "a grant on a clock that is a day ahead",
            lambda: ledger.grant(gun, purpose="om.offer", occurred_at=tomorrow, **where),
            "refused (time_in_future)",
        ),
        await _attempt(
            "a grant with an address where an id belongs",
            lambda: ledger.grant(gun, purpose="om.offer", item="gun@example.se", **where),
            "refused (email_in_field)",
        ),
        await _attempt(
            "a withdrawal with an address where an id belongs",
            lambda: ledger.withdraw(gun, purpose="om.offer", channel="email", item="gun@example.se"),
            "recorded, reported (email_in_field)",
        ),
        await _attempt(
            "a withdrawal for a purpose that nobody declared",
            lambda: ledger.withdraw(gun, purpose="om.sell", channel="email"),
            "recorded, reported (purpose_unknown)",
        ),
    ]


async def _attempt(said: str, act: Callable[[], Awaitable[Saved]], expected: str) -> Attempt:
    try:
        saved = await act()
    except LedgerError as error:
        return Attempt(said, f"refused ({error.code})", expected, 0)
    reports = ", ".join(sorted({report.code for report in saved.reports}))
    return Attempt(said, f"recorded, reported ({reports})", expected, len(saved.events))
