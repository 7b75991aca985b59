"""Who a request is about: from ``{"email": …}`` and its like to the subject id of the caller's controller.

``lookup`` never creates; ``resolve`` takes one identifier and makes a subject id if there is none. Whoever comes back
after an erasure is known once the noes that outlived it are on the log, and not a moment before. The controller is the
key's, always.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ledger.api.keys import Caller
from ledger.domain.identifiers import Identifier, identifier
from ledger.errors import NotFound, Rejected
from ledger.read_model.coalescing import Coalescer
from ledger.vault.carrying import Resolver
from ledger.vault.directory import Controller, Directory, Entry

__all__ = ["Named", "People", "SubjectForm", "named", "subject_id_in"]

LOOKUP_TIMEOUT_SECONDS: Final = 1.5
_LANES: Final = 2
_SUBJECT_ID_DIGITS: Final = 32

Named = Identifier | bytes
"""A person as the caller names them: a typed identifier, or a subject id."""


class SubjectForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of the four. ``phone`` is E.164; ``subject_id`` 32 hexadecimal digits."""

    email: str | None = None
    phone: str | None = None
    account: str | None = None
    subject_id: str | None = None


class _Asked(msgspec.Struct, frozen=True):
    controller: Controller
    who: Identifier


def named(form: SubjectForm, path: str = "$.subject") -> Named:
    """The person in a form; raises ``Rejected`` (``subject_malformed``, ``identifier_invalid``,
    ``subject_id_malformed``) with the path."""
    given = [(kind, text) for kind in form.__struct_fields__ if (text := getattr(form, kind)) is not None]
    if len(given) != 1:
        raise Rejected("subject_malformed", path=path)
    kind, text = given[0]
    if kind == "subject_id":
        return subject_id_in(text, path)
    try:
        return identifier(kind, text)
    except Rejected as rejection:
        rejection.context["path"] = f"{path}.{kind}"
        raise


def subject_id_in(text: str, path: str) -> bytes:
    """The 16 bytes of a subject id, or ``Rejected(subject_id_malformed)``."""
    if len(text) == _SUBJECT_ID_DIGITS and text.isascii() and text.isalnum():
        try:
            return bytes.fromhex(text)
        except ValueError:
            # Not the cause: it would show a part of what was sent.
            pass
    raise Rejected("subject_id_malformed", path=path)


class People:
    """The vault's directory, as requests ask it: lookups that wait share one query."""

    def __init__(self, directory: Directory, resolver: Resolver) -> None:
        self._directory = directory
        self._resolver = resolver
        self._lookups: Coalescer[_Asked, Entry | None] = Coalescer(
            self._look_up, lanes=_LANES, timeout_seconds=LOOKUP_TIMEOUT_SECONDS
        )

    async def lookup(self, caller: Caller, people: Iterable[Named]) -> list[bytes | None]:
        """The subject id of each person in order, None where nobody is known. A subject id is taken at its word."""
        controller = _controller(caller)
        asked = list(people)
        wanted = list(dict.fromkeys(_Asked(controller, who) for who in asked if isinstance(who, Identifier)))
        found = dict(zip(wanted, await self._lookups.ask(wanted), strict=True)) if wanted else {}
        return [
            _id_of(found[_Asked(controller, who)]) if isinstance(who, Identifier) else who for who in asked
        ]

    async def resolve(self, caller: Caller, who: Named) -> Entry:
        """The person's entry, made now if an identifier leads to nobody; durable on return.

        Raises ``NotFound(subject_unknown)`` for a subject id that this controller never had: another controller's
        looks the same.
        """
        controller = _controller(caller)
        if isinstance(who, Identifier):
            (found,) = await self._lookups.ask([_Asked(controller, who)])
            if found is not None and not found.carry_pending:
                return found
            return (await self._resolver.resolve(controller, [who]))[0]
        (known,) = await self._resolver.known(controller, [who])
        if known is None:
            raise NotFound("subject_unknown")
        return known

    async def erased_before(self, caller: Caller, who: Named) -> int | None:
        """Until when everything about this person was erased, in ms; None for one who never was."""
        controller = _controller(caller)
        names = (
            [who] if isinstance(who, Identifier) else await self._directory.identifiers_of(controller, who)
        )
        return await self._resolver.erased_before(controller, names)

    async def require_known(self, caller: Caller, subject_id: bytes) -> None:
        """Returns if this controller has, or had, such a subject; raises ``NotFound(subject_unknown)``."""
        await self.resolve(caller, subject_id)

    async def aclose(self) -> None:
        await self._lookups.aclose()

    async def _look_up(self, asked: list[_Asked]) -> Sequence[Entry | None]:
        by_controller: dict[Controller, list[_Asked]] = {}
        for one in asked:
            by_controller.setdefault(one.controller, []).append(one)
        found: dict[_Asked, Entry | None] = {}
        for controller, part in by_controller.items():
            entries = await self._directory.lookup(controller, [one.who for one in part])
            found |= dict(zip(part, entries, strict=True))
        return [found[one] for one in asked]


def _id_of(entry: Entry | None) -> bytes | None:
    return entry.subject_id if entry is not None and not entry.carry_pending else None


def _controller(caller: Caller) -> Controller:
    return Controller(caller.controller_id, caller.controller)
