"""Record what people decide about their data, and ask before using it.

::

    from ledger.sdk import Ledger, email

    async with Ledger.connect() as ledger:            # LEDGER_URL, LEDGER_API_KEY
        anna = email("anna@example.se")
        saved = await ledger.save_choices(anna, notice="signup@3", channel="email",
                                          granted=["newsletter"], refused=["profiling"])
        answer = await ledger.check(anna, purpose="newsletter", channel="email", at_least=saved.position)
        if answer:                                    # false for deny, unknown, stale and down
            await send(anna)
        await ledger.unsubscribe(anna, purpose="newsletter", channel="email")

:mod:`ledger.sdk.sync` has the same names for code without an event loop, :mod:`ledger.sdk.testing` a ledger in
memory for tests. ``Ledger.connect(transport="kafka")`` appends to the log directly. Everything that the ledger
raises is a :class:`LedgerError` with a stable ``code``; ``error.diagnostics()`` says what to do.

Names that are not in ``__all__`` are not promised to stay.
"""

from ledger.domain.evidence import Evidence
from ledger.errors import (
    ConfigurationError,
    Conflict,
    Denied,
    Forbidden,
    LedgerError,
    NotAwaited,
    NotFound,
    Rejected,
    Unauthorised,
    Unavailable,
)
from ledger.sdk.answers import (
    Ask,
    Decision,
    FieldReport,
    HistoryPage,
    Link,
    Outranking,
    RecordedEvent,
    Saved,
    Standing,
)
from ledger.sdk.client import Ledger
from ledger.sdk.people import Person, account, email, phone, subject_id
from ledger.sdk.rights_requests import Held, HolderProgress, RequestsPage, RightsRequest

__all__ = [
    "Ask",
    "ConfigurationError",
    "Conflict",
    "Decision",
    "Denied",
    "Evidence",
    "FieldReport",
    "Forbidden",
    "Held",
    "HistoryPage",
    "HolderProgress",
    "Ledger",
    "LedgerError",
    "Link",
    "NotAwaited",
    "NotFound",
    "Outranking",
    "Person",
    "RecordedEvent",
    "Rejected",
    "RequestsPage",
    "RightsRequest",
    "Saved",
    "Standing",
    "Unauthorised",
    "Unavailable",
    "account",
    "email",
    "phone",
    "subject_id",
]
