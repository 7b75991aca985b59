"""Reading a request's body: bounded in size and time, JSON, and exactly the fields that the route takes.

A wrong type is answered with its place in the body, an unknown field with the known one that it resembles. Values
that the caller sent are never repeated.
"""

import asyncio
import difflib
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ledger.domain.identifiers import is_id, screen
from ledger.errors import Rejected

__all__ = ["MAX_BODY_BYTES", "convert", "nearest", "object_of", "read_body"]

MAX_BODY_BYTES: Final = 256 * 1024
READ_TIMEOUT_SECONDS: Final = 15.0
"""A caller that sends its body byte by byte holds a task, not more, and no longer than this."""

Receive = Callable[[], Awaitable[Any]]
StructT = TypeVar("StructT", bound=msgspec.Struct)

# msgspec's messages: what, then the place.
_MESSAGE: Final = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[a-z_]+)`")
_UNKNOWN_SOMEWHERE: Final = "Object contains unknown field ``"
_NAME: Final = re.compile(r"[A-Za-z_]+")
_PATH: Final = re.compile(r"\$(\.[a-z_]+|\[[0-9]+\]|\[\.\.\.\])*")
_EXPECTED: Final = re.compile(r"Expected `[^`]*`[^`]*(?:`[a-z |\[\]]*`)?")


async def read_body(receive: Receive, declared_length: str | None, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body, at most ``limit`` bytes. Raises ``Rejected`` (``body_too_large``, ``body_incomplete``)."""
    if declared_length is not None and declared_length.isdigit() and int(declared_length[:19]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Rejected("body_incomplete")
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise Rejected("body_incomplete") from error
    return b"".join(chunks)


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``, or ``Rejected(body_malformed)``."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Rejected("body_malformed") from error
    if not isinstance(decoded, dict):
        raise Rejected("body_malformed", "The body must be one JSON object.")
    return decoded


def convert(value: object, kind: type[StructT]) -> StructT:
    """``value`` as a ``kind``, or ``Rejected`` (``field_unknown``, ``field_missing``, ``field_wrong_type``) with
    the path."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _rejection(str(error), kind) from error


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known field that ``name`` resembles, if one does."""
    found = difflib.get_close_matches(name[:64], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _rejection(message: str, kind: type[msgspec.Struct]) -> Rejected:
    match = _MESSAGE.fullmatch(message)
    what, path = (match["what"], match["path"] or "$") if match else (message, "$")
    # The name of an unknown field can be made to look like a place, so a place holds names that we know.
    if not set(_NAME.findall(path)) <= _field_names(kind) or not _PATH.fullmatch(path):
        what, path = _UNKNOWN_SOMEWHERE, "$"
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is not None:
        name = unknown["name"]
        shown = name if is_id(name) and screen(name) is None else "unknown"
        close = nearest(name, _field_names(kind))
        hint = f" Did you mean {close}?" if close else ""
        return Rejected(
            "field_unknown",
            f"There is no field {shown} at {path}.{hint}",
            field=shown,
            path=path,
            nearest=close,
        )
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        name = missing["name"]
        return Rejected("field_missing", f"The field {name} is missing at {path}.", field=name, path=path)
    expected = what if _EXPECTED.fullmatch(what) else "It is none of the values allowed"
    return Rejected("field_wrong_type", f"At {path}: {expected}.", path=path)


def _field_names(kind: Any) -> set[str]:
    """The fields of a struct and of the structs in it."""
    names: set[str] = set()
    for name, hint in get_type_hints(kind).items():
        names.add(name)
        for part in _structs_in(hint):
            names |= _field_names(part)
    return names


def _structs_in(hint: Any) -> list[Any]:
    if get_origin(hint) is None:
        return [hint] if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else []
    return [found for argument in get_args(hint) for found in _structs_in(argument)]


def _too_large(limit: int) -> Rejected:
    return Rejected("body_too_large", f"A body has at most {limit} bytes.", limit=limit)
