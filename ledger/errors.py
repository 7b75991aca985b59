"""One tree of errors, and the table of every code that the ledger can raise or give as a reason.

The same ``code`` is the HTTP problem type, the metric label, the quarantine reason and the CLI's exit group.
A code is stable once released: callers branch on it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ledger.error_codes import ERROR_CODES, ErrorCode

__all__ = [
    "ERROR_CODES",
    "ConfigurationError",
    "Conflict",
    "Denied",
    "ErrorCode",
    "FieldReport",
    "Forbidden",
    "IntegrityViolation",
    "LedgerError",
    "MalformedRecord",
    "NotAwaited",
    "NotFound",
    "Rejected",
    "Unauthorised",
    "Unavailable",
]


class FieldReport(NamedTuple):
    """What was dropped or taken as given in a protective act, and why (``code`` is in :data:`ERROR_CODES`)."""

    field: str
    code: str


class LedgerError(Exception):
    """The root of everything the ledger raises on purpose.

    ``code`` must stand in :data:`ERROR_CODES`; ``retryable`` says whether the same call may succeed later;
    ``context`` holds names and numbers for logs, never a personal value.
    """

    exit_code = 2

    def __init__(
        self, code: str, detail: str | None = None, *, retryable: bool | None = None, **context: object
    ) -> None:
        entry = ERROR_CODES[code]
        self.code = code
        self.retryable = entry.retryable if retryable is None else retryable
        self.detail = detail or entry.meaning
        self.context = context
        super().__init__(f"{code}: {self.detail}")

    @property
    def http_status(self) -> int:
        return ERROR_CODES[self.code].http_status

    def diagnostics(self) -> str:
        """What happened and what to do next, in plain words."""
        return f"{self.detail}\n{ERROR_CODES[self.code].what_to_do}"


class Rejected(LedgerError):
    """The caller's request cannot be taken as it is."""


class Unauthorised(LedgerError):
    """No valid API key came with the request (RFC 9110, 401)."""


class Forbidden(LedgerError):
    """The API key is valid but lacks the scope for this route (RFC 9110, 403)."""


class NotFound(LedgerError):
    """There is no such thing, or it is another controller's: the two look the same on purpose."""


class Conflict(LedgerError):
    """The request contradicts what stands already."""


class Unavailable(LedgerError):
    """A service the ledger needs did not answer in time; the same call may be made again."""

    exit_code = 3


class MalformedRecord(LedgerError):
    """Bytes on the log that are no record of ours, whatever the reason: the codec raises nothing else."""


class IntegrityViolation(LedgerError):
    """The log or the read model is not the one that it claims to be. Never retried; somebody must look."""

    exit_code = 4


class ConfigurationError(LedgerError):
    """A setting, a secret or an installed part is missing, unsafe or wrong; the process refuses to start."""


class Denied(LedgerError):
    """A check was required to allow and did not. ``decision`` is the whole answer."""

    exit_code = 1

    def __init__(self, decision: object, reason: str) -> None:
        self.decision = decision
        self.reason = reason
        super().__init__(
            "denied", f"The ledger denies this use of the person's data: {reason}.", reason=reason
        )


class NotAwaited(LedgerError):
    """A decision was tested before it was awaited; passing silently would have meant *allow*."""


def describe(codes: Iterable[str]) -> list[ErrorCode]:
    """The table's entries for ``codes``, sorted by code."""
    return [ERROR_CODES[code] for code in sorted(set(codes))]
