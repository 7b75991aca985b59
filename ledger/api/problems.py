"""Errors as callers see them: ``application/problem+json`` (RFC 9457), from the ledger's own errors alone.

No text of a foreign exception gets out, and no value that the caller sent: both may hold an address.
"""

from typing import Any, Final

import msgspec

from ledger.errors import ERROR_CODES, LedgerError

__all__ = ["PROBLEM_TYPE", "Problem", "problem_of", "problem_response", "type_of"]

PROBLEM_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "https://consent-ledger.invalid/errors/"
RETRY_AFTER_SECONDS: Final = 1

_SHOWN_CONTEXT: Final = ("field", "path", "nearest", "limit", "index")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, and whether the same request may succeed later. ``code`` is stable: branch on it.

    ``path`` is the place in the body (``$.acts[0].purpose``), ``nearest`` the known field that an unknown one
    resembles.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    what_to_do: str
    field: str | None = None
    path: str | None = None
    nearest: str | None = None
    limit: int | None = None
    index: int | None = None


def type_of(code: str) -> str:
    """The problem type of an error code: a name, nothing that can be fetched (RFC 9457, 3.1.1)."""
    return TYPE_PREFIX + code


def problem_of(error: LedgerError) -> Problem:
    """The problem that an error of ours is answered with."""
    entry = ERROR_CODES[error.code]
    shown: dict[str, Any] = {name: error.context[name] for name in _SHOWN_CONTEXT if name in error.context}
    return Problem(
        type=type_of(error.code),
        title=entry.meaning,
        status=error.http_status,
        detail=error.detail,
        code=error.code,
        retryable=error.retryable,
        what_to_do=entry.what_to_do,
        **shown,
    )


def problem_response(error: LedgerError) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Status, body and headers of the answer to a failed request."""
    problem = problem_of(error)
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"cache-control", b"no-store")]
    if problem.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="consent-ledger"'))
    if problem.retryable:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    if "allow" in error.context:
        headers.append((b"allow", str(error.context["allow"]).encode()))
    return problem.status, msgspec.json.encode(problem), headers
