"""Who calls: the Bearer key of a request, checked against its row at most a few seconds ago.

A verified key is kept for four seconds, so that a revoked one is refused within five. When Postgres is away, a key
that was verified within the last hour is still recognised, marked as unconfirmed: its holder is told that the ledger
is unavailable and nothing else.
"""

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ledger.api import keys
from ledger.api.keys import Caller
from ledger.errors import Unauthorised, Unavailable
from ledger.read_model import pool

__all__ = ["Authenticated", "Authentication"]

FRESH_SECONDS: Final = 4.0
RECOGNISED_SECONDS: Final = 3600.0
VERIFY_TIMEOUT_SECONDS: Final = 1.0
MAX_KEPT: Final = 10_000
_SCHEME: Final = "bearer "


class Authenticated(NamedTuple):
    """The holder of a key. ``confirmed``: the key was found valid in the table within the last four seconds."""

    caller: Caller
    confirmed: bool


class _Kept(NamedTuple):
    caller: Caller
    verified_at: float


class Authentication:
    """Verifies keys through a pool of connections; one query for a key, however many requests bring it at once."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        # By SHA-256 of the whole key, so that a dump of this process shows no key.
        self._kept: dict[bytes, _Kept] = {}
        self._verifying: dict[bytes, asyncio.Task[Caller]] = {}

    async def authenticate(self, authorization: str | None) -> Authenticated:
        """The holder of the key in an ``Authorization`` header (RFC 6750, 2.1).

        Raises ``Unauthorised`` (``api_key_missing``, ``_invalid``, ``_expired``, ``_revoked``), ``Unavailable``
        when Postgres is away and the key was never seen.
        """
        text = _key_in(authorization)
        name = hashlib.sha256(text.encode()).digest()
        began = time.monotonic()
        kept = self._kept.get(name)
        if kept is not None and began - kept.verified_at < FRESH_SECONDS:
            return Authenticated(kept.caller, confirmed=True)
        try:
            return Authenticated(await self._verified(name, text), confirmed=True)
        except Unavailable:
            if kept is None or began - kept.verified_at > RECOGNISED_SECONDS:
                raise
            return Authenticated(kept.caller, confirmed=False)

    async def _verified(self, name: bytes, text: str) -> Caller:
        task = self._verifying.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._verify(name, text))
            self._verifying[name] = task
            task.add_done_callback(lambda done: self._settle(name, done))
        # Not cancelled with the request: a database that hangs would hang the cancelling as well.
        done, _ = await asyncio.wait([task], timeout=VERIFY_TIMEOUT_SECONDS)
        if not done:
            raise Unavailable("postgres_unavailable")
        return task.result()

    async def _verify(self, name: bytes, text: str) -> Caller:
        asked_at = time.monotonic()
        try:
            async with pool.borrowed(self._connections) as connection:
                caller = await keys.verify(connection, text, datetime.now(UTC))
        except Unauthorised:
            self._kept.pop(name, None)
            raise
        if len(self._kept) >= MAX_KEPT:
            self._kept.pop(next(iter(self._kept)))
        # From before the query: what was revoked during it is seen within the same bound.
        self._kept[name] = _Kept(caller, asked_at)
        return caller

    def _settle(self, name: bytes, done: "asyncio.Task[Caller]") -> None:
        self._verifying.pop(name, None)
        if not done.cancelled():
            done.exception()  # whoever waited has it; a task that nobody waits for any more must not be logged as lost


def _key_in(authorization: str | None) -> str:
    if authorization is None:
        raise Unauthorised("api_key_missing")
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthorised("api_key_missing", "The Authorization header is not of the form `Bearer lk_...`.")
    return authorization[len(_SCHEME) :].strip()
