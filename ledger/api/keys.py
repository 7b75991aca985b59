"""API keys: who calls, for which controller and source, and what they may do.

``lk_<prefix>_<secret>``: the prefix (8 characters) finds the row and may be shown; the secret is 256 random bits in
base 62 followed by a CRC-32 of all before it, so that a mistyped key is refused without a look-up and a leaked one
is found by scanners. Only SHA-256 of the secret is stored: with 256 random bits there is nothing to guess slowly.
"""

import hashlib
import hmac
import secrets
import string
import zlib
from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from ledger.domain.identifiers import is_id, screen
from ledger.errors import NotFound, Rejected, Unauthorised
from ledger.read_model import pool, sql

__all__ = ["ApiKey", "Caller", "ParsedKey", "ScopeName", "create", "list_keys", "parse", "revoke", "verify"]

PREFIX_CHARACTERS: Final = 8
SECRET_BITS: Final = 256
# 62**43 > 2**256, and 62**6 > 2**32 for the checksum.
SECRET_CHARACTERS: Final = 43
CHECKSUM_CHARACTERS: Final = 6
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIX_ALPHABET: Final = string.digits + string.ascii_lowercase


class ScopeName(str, Enum):
    """What a key may do; each route of the API names the one that it needs."""

    RECORD = "record"
    ASK = "ask"
    READ = "read"
    REQUESTS = "requests"
    OPERATE = "operate"
    AUDIT = "audit"


class ParsedKey(NamedTuple):
    """A key that is well-formed; whether it is known, only the table can tell."""

    prefix: str
    hash: bytes


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a key that was verified."""

    prefix: str
    controller_id: int
    controller: str
    source: str
    scopes: frozenset[ScopeName]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key's row as operators see it: without the key."""

    prefix: str
    controller: str
    source: str
    scopes: tuple[str, ...]
    expires: datetime | None
    revoked: datetime | None


def parse(text: str) -> ParsedKey:
    """The prefix and hash of a key, or ``Unauthorised(api_key_invalid)`` when it is mistyped."""
    body, checksum = text[:-CHECKSUM_CHARACTERS], text[-CHECKSUM_CHARACTERS:]
    mark, prefix, secret = (body.split("_", 2) + ["", ""])[:3]
    well_formed = mark == "lk" and len(prefix) == PREFIX_CHARACTERS and len(secret) == SECRET_CHARACTERS
    if not well_formed or not text.isascii() or not hmac.compare_digest(checksum, _checksum(body)):
        raise Unauthorised("api_key_invalid")
    return ParsedKey(prefix, hashlib.sha256(secret.encode()).digest())


async def create(
    connection: Any,
    *,
    controller: str,
    source: str,
    scopes: Collection[str],
    expires: datetime | None = None,
) -> str:
    """A new key, durable on return. It is given out here and never again.

    Raises ``NotFound(controller_unknown)``, ``Rejected(api_key_not_possible)``.
    """
    _check_request(source, scopes, expires)
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(PREFIX_CHARACTERS))
    body = f"lk_{prefix}_{_base62(secrets.randbits(SECRET_BITS), SECRET_CHARACTERS)}"
    key = body + _checksum(body)
    with pool.translated():
        made = await connection.fetchval(
            sql.load("api_key_create"),
            prefix,
            parse(key).hash,
            controller,
            source,
            sorted(set(scopes)),
            expires,
        )
    if made is None:
        raise NotFound("controller_unknown", f"There is no controller called {controller}.")
    return key


async def verify(connection: Any, text: str, now: datetime) -> Caller:
    """Who calls with this key, or ``Unauthorised`` (``api_key_invalid``, ``_expired``, ``_revoked``).

    Whether a key expired or was revoked is told only to somebody who holds the whole key.
    """
    parsed = parse(text)
    with pool.translated():
        row = await connection.fetchrow(sql.load("api_key_find"), parsed.prefix)
    if row is None or not hmac.compare_digest(row["hash"], parsed.hash):
        raise Unauthorised("api_key_invalid")
    if row["revoked"] is not None:
        raise Unauthorised("api_key_revoked", prefix=parsed.prefix)
    if row["expires"] is not None and row["expires"] <= now:
        raise Unauthorised("api_key_expired", prefix=parsed.prefix)
    return Caller(
        prefix=parsed.prefix,
        controller_id=row["controller_id"],
        controller=row["controller"],
        source=row["source"],
        scopes=frozenset(ScopeName(scope) for scope in row["scopes"]),
    )


async def list_keys(connection: Any, controller: str | None = None) -> list[ApiKey]:
    """The keys of one controller, or of all, revoked and expired ones included."""
    with pool.translated():
        rows = await connection.fetch(sql.load("api_key_list"), controller)
    return [
        ApiKey(
            prefix=row["prefix"],
            controller=row["controller"],
            source=row["source"],
            scopes=tuple(row["scopes"]),
            expires=row["expires"],
            revoked=row["revoked"],
        )
        for row in rows
    ]


async def revoke(connection: Any, prefix: str) -> datetime:
    """When the key was revoked: now, or the first time; durable on return. Raises ``NotFound(api_key_unknown)``.

    A process that caches verified keys goes on taking it until its cache has run out.
    """
    with pool.translated():
        revoked: datetime | None = await connection.fetchval(sql.load("api_key_revoke"), prefix)
    if revoked is None:
        raise NotFound("api_key_unknown", f"There is no API key with the prefix {prefix}.")
    return revoked


def _check_request(source: str, scopes: Collection[str], expires: datetime | None) -> None:
    if not is_id(source) or screen(source) is not None:
        raise Rejected(
            "api_key_not_possible", "The source must have the syntax of an id, and name no person."
        )
    known = {scope.value for scope in ScopeName}
    if not scopes or not known.issuperset(scopes):
        raise Rejected("api_key_not_possible", f"The scopes are one or more of {', '.join(sorted(known))}.")
    if expires is not None and expires.utcoffset() is None:
        raise Rejected("api_key_not_possible", "The date of expiry needs a time zone.")


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_CHARACTERS)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
