"""One request to the ledger's API: pooled, bounded by a deadline, tried again while that can help.

Every failure leaves as an error of :mod:`ledger.errors`; no exception of the HTTP library gets out. The library is
imported at the first connection, so that importing the SDK stays cheap.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ledger.errors import (
    ERROR_CODES,
    ConfigurationError,
    Conflict,
    Forbidden,
    LedgerError,
    NotFound,
    Rejected,
    Unauthorised,
    Unavailable,
)

if TYPE_CHECKING:
    import httpx2

__all__ = ["Requests", "answer_unreadable"]

CONNECT_SECONDS: Final = 2.0
ATTEMPT_SECONDS: Final = 15.0
"""One attempt at most: longer than the API itself tries to append (8 s), or the answer would always come too late.
A hung connection is left for a fresh one while the deadline still allows it."""
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 2.0
MAX_CONNECTIONS: Final = 50
KEEPALIVE_SECONDS: Final = 30.0

_RETRIED_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ERRORS_BY_STATUS: Final[dict[int, type[LedgerError]]] = {
    401: Unauthorised,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


class Problem(msgspec.Struct, frozen=True):
    """The body of an error (RFC 9457), as far as the SDK reads it."""

    code: str = ""
    detail: str = ""
    retryable: bool = False


class _Failure(NamedTuple):
    """An attempt that may be made again: what it would be reported as, and how long the server asks to wait."""

    error: LedgerError
    retry_after: float | None = None


class Requests:
    """Requests to one API under one key. Connections belong to the event loop and process of their first use."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._api_key = api_key
        self._client: httpx2.AsyncClient | None = None
        self._left_to_parent: list[httpx2.AsyncClient] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    async def send(
        self,
        method: str,
        path: str,
        make_body: Callable[[], object] | None = None,
        *,
        deadline_seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of a successful answer. ``make_body`` is called for each attempt: a wait grows between them.

        Raises ``Unavailable`` when the deadline passes without an answer, and what the API's problem says else.
        """
        give_up_at = time.monotonic() + deadline_seconds
        longest = FIRST_PAUSE_SECONDS
        while True:
            outcome = await self._attempt(method, path, make_body, headers, give_up_at)
            if isinstance(outcome, bytes):
                return outcome
            # Full jitter, so that clients that failed together do not return together.
            pause = random.uniform(0, longest)
            if outcome.retry_after is not None:
                pause += outcome.retry_after
            if time.monotonic() + pause >= give_up_at:
                raise outcome.error
            await asyncio.sleep(pause)
            longest = min(2 * longest, LONGEST_PAUSE_SECONDS)

    async def aclose(self) -> None:
        """Closes the pool; what was acknowledged stays so."""
        client, self._client = self._client, None
        if client is not None and self._pid == os.getpid() and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def _attempt(
        self,
        method: str,
        path: str,
        make_body: Callable[[], object] | None,
        headers: Mapping[str, str] | None,
        give_up_at: float,
    ) -> bytes | _Failure:
        import httpx2

        client = self._connected()
        content = None if make_body is None else msgspec.json.encode(make_body())
        typed = {"Content-Type": "application/json"} if content is not None else {}
        seconds = min(ATTEMPT_SECONDS, give_up_at - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                answer = await client.request(
                    method, path, content=content, headers={**typed, **(headers or {})}
                )
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL) as error:
            raise ConfigurationError(
                "setting_invalid", f"The ledger's URL or API key is unusable: {error}"
            ) from error
        except (TimeoutError, httpx2.HTTPError) as error:
            return _Failure(_unreachable(error))
        if answer.is_success:
            return answer.content
        return _failure_of(answer.status_code, answer.headers.get("retry-after"), answer.content)

    def _connected(self) -> "httpx2.AsyncClient":
        import httpx2

        loop, pid = asyncio.get_running_loop(), os.getpid()
        if self._client is not None and self._pid == pid:
            if self._loop is not loop:
                raise ConfigurationError("loop_changed")
            return self._client
        if self._client is not None:
            # After a fork the parent's sockets are left alone, and not closed by the collector either: two
            # processes on one connection would mix up answers.
            self._left_to_parent.append(self._client)
        self._client = httpx2.AsyncClient(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._api_key}", "User-Agent": "consent-ledger-sdk"},
            timeout=httpx2.Timeout(ATTEMPT_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_CONNECTIONS,
                keepalive_expiry=KEEPALIVE_SECONDS,
            ),
            follow_redirects=False,
            trust_env=False,
        )
        self._loop, self._pid = loop, pid
        return self._client


def answer_unreadable(error: Exception) -> Unavailable:
    """The error for an answer that is no answer of the ledger's."""
    unreadable = Unavailable("answer_unreadable", f"The API's answer cannot be read: {error}")
    unreadable.__cause__ = error
    return unreadable


def _unreachable(error: Exception) -> Unavailable:
    unavailable = Unavailable(
        "ledger_unavailable", f"The ledger's API did not answer ({type(error).__name__})."
    )
    unavailable.__cause__ = error
    return unavailable


def _failure_of(status: int, retry_after: str | None, body: bytes) -> _Failure:
    """A failure to try again; raises what trying again cannot mend."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = Problem()
    retried = problem.retryable or status in _RETRIED_STATUSES
    kind = (
        Unavailable
        if retried and status not in (401, 403, 404, 409)
        else _ERRORS_BY_STATUS.get(status, Rejected)
    )
    if problem.code in ERROR_CODES:
        error = kind(problem.code, problem.detail or None, retryable=retried, status=status)
    elif retried:
        error = kind(
            "ledger_unavailable", f"The ledger's API answered {status}.", retryable=True, status=status
        )
    else:
        detail = f"The API answered {status} {problem.code}: {problem.detail or 'no detail'}"
        error = kind("refused_by_ledger", detail, status=status, refused_code=problem.code)
    if not retried:
        raise error
    return _Failure(error, _seconds(retry_after))


def _seconds(retry_after: str | None) -> float | None:
    """``Retry-After`` in seconds (RFC 9110, 10.2.3); its form as a date is not used by the ledger."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return None
    return float(retry_after)
