"""Joining two names of one person, after an act that proved both to be theirs.

A name that nobody has becomes a second directory row of the subject that the other leads to; nothing is said on the
log then, since the log knows no names. Two subjects become a row in ``subject_link`` and an ``IdentifierLinked`` for
each, written to the vault's queue in the same transaction and appended at once: whoever crashes between the two has
promised both, and the queue keeps the promise (races.md, D12, D13, D30).
"""

import os
from enum import Enum
from typing import Any, Final, NamedTuple

from ledger.domain.erasure_events import IdentifierLinked
from ledger.domain.identifiers import Identifier, blind_index
from ledger.domain.linking import MAX_GROUP, linked_events
from ledger.errors import Conflict, NotFound, Unavailable
from ledger.event_log import codec
from ledger.event_log.producer import Appended
from ledger.read_model import pool, sql
from ledger.vault import keys
from ledger.vault.carrying import Append, Resolver
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory, Entry, SubjectState
from ledger.vault.links import group_of, lock_groups
from ledger.vault.secrets import PEPPER_EPOCH, Secrets
from ledger.vault.suppressions import Suppressions

__all__ = ["Linked", "Linking", "Outcome", "Placed"]

# Whoever finds a name free and then taken, or a group grown, looks again; thrice in a row is no accident.
MAX_ATTEMPTS: Final = 3
STEP: Final = "linked"
PROMISE_SECONDS: Final = 30.0
"""After this the queue sends what was not sent: longer than a request lasts, so that each event is sent once."""

_ID_BYTES: Final = 16
_QUERIES: Final = "ledger.vault.queries"

Named = Identifier | bytes


class Outcome(str, Enum):
    """``attached``: the second name was unknown and is now this subject's. ``joined``: both led to somebody.
    ``already``: both led to one person before."""

    ATTACHED = "attached"
    JOINED = "joined"
    ALREADY = "already"


class Placed(NamedTuple):
    """Where an event about a subject stands, in the generation of the log that is in use."""

    subject_id: bytes
    appended: Appended


class Linked(NamedTuple):
    """What the two names lead to now, and the events that say so, all acknowledged."""

    subject_id: bytes
    other_subject_id: bytes
    outcome: Outcome
    placed: tuple[Placed, ...]


class Linking:
    """Links, through the pool that ``directory`` and ``resolver`` have. One per process, shared by all tasks."""

    def __init__(
        self, vault: Any, secrets: Secrets, directory: Directory, resolver: Resolver, append: Append
    ) -> None:
        self._vault = vault
        self._secrets = secrets
        self._directory = directory
        self._resolver = resolver
        self._append = append
        self._suppressions = Suppressions(vault, secrets)

    async def link(self, controller: Controller, subject: Named, other: Named) -> Linked:
        """One person behind both, from now on; durable and acknowledged by the log on return, and repeatable.

        The caller has seen to it that a verified act says so. Raises ``Conflict`` (``subject_not_active`` when
        anybody of either group is under erasure or erased, ``link_group_full``), ``NotFound(subject_unknown)`` for a
        subject id that this controller never had, ``Unavailable`` when the same call should be made again.
        """
        for _ in range(MAX_ATTEMPTS):
            one, two = await self._entry(controller, subject), await self._entry(controller, other)
            if one is not None and two is not None:
                return await self._join(controller, one.subject_id, two.subject_id)
            linked = await self._attach(controller, subject, one, other, two)
            if linked is not None:
                return linked
        raise Unavailable("postgres_unavailable", "The directory changed again and again while it was read.")

    async def _entry(self, controller: Controller, who: Named) -> Entry | None:
        """Who is known by this name, None for a name that nobody has; makes nobody known."""
        if isinstance(who, bytes):
            (known,) = await self._resolver.known(controller, [who])
            if known is None:
                raise NotFound("subject_unknown")
            return known
        (found,) = await self._directory.lookup(controller, [who])
        if found is not None and found.carry_pending:
            (found,) = await self._resolver.resolve(controller, [who])
        return found

    async def _attach(
        self, controller: Controller, subject: Named, one: Entry | None, other: Named, two: Entry | None
    ) -> Linked | None:
        """The unknown name joined to the known one, or None when it is unknown no longer."""
        known, name = (one, other) if one is not None else (two, subject)
        if known is None:
            # Two strangers are one new person.
            (known,) = await self._resolver.resolve(controller, [_unknown(other)])
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            _require_active(await lock_groups(connection, controller.id, [known.subject_id]))
            index = await self._add_name(connection, controller, known.subject_id, _unknown(name))
            if index is None:
                return None
            # Asked once the name is taken: an erasure that let go of it before has committed by now.
            erased = await self._suppressions.kept_for(connection, controller.id, [index])
            if erased:
                await connection.execute(
                    sql.load("subject_carry_pending", _QUERIES), controller.id, [known.subject_id]
                )
        carried = await self._resolver.carry(controller, known.subject_id) if erased else []
        placed = tuple(Placed(known.subject_id, appended) for appended in carried)
        return Linked(known.subject_id, known.subject_id, Outcome.ATTACHED, placed)

    async def _add_name(
        self, connection: Any, controller: Controller, subject_id: bytes, name: Identifier
    ) -> bytes | None:
        """The blind index of the name, now a directory row of the subject; None when somebody has it."""
        index = blind_index(self._secrets.pepper, controller.name, name)
        wrapped = await connection.fetchval(sql.load("subject_key", _QUERIES), controller.id, subject_id)
        key = keys.unwrap_subject_key(self._secrets.key_encryption_key, wrapped, controller.id, subject_id)
        added = await connection.fetchval(
            sql.load("directory_attach", _QUERIES),
            controller.id,
            PEPPER_EPOCH,
            index,
            subject_id,
            name.kind.value,
            name.normaliser,
            keys.seal_identifier(key, name, controller.id, subject_id, index),
            os.urandom(_ID_BYTES),
        )
        return index if added is not None else None

    async def _join(self, controller: Controller, one: bytes, two: bytes) -> Linked:
        """Two subject ids made one person, and both sides told."""
        if one == two:
            return Linked(one, two, Outcome.ALREADY, ())
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            states = await lock_groups(connection, controller.id, [one, two])
            _require_active(states)
            sides = await self._sides(connection, controller, one, two, len(states))
        if not sides:
            return Linked(one, two, Outcome.ALREADY, ())
        outcome, events = sides
        placed = [await self._told(controller, subject_id, event) for subject_id, event in events.items()]
        return Linked(one, two, outcome, tuple(placed))

    async def _sides(
        self, connection: Any, controller: Controller, one: bytes, two: bytes, members: int
    ) -> tuple[Outcome, dict[bytes, IdentifierLinked]] | None:
        """What is said on each side, written to the queue; None when others have made the two one person already."""
        low, high = sorted((one, two))
        made = await connection.fetchval(sql.load("link_find", _QUERIES), controller.id, low, high)
        if made is None and high in await group_of(connection, controller.id, low, lock=False):
            return None
        if made is None and members > MAX_GROUP:
            raise Conflict("link_group_full", limit=MAX_GROUP)
        link_id = made or os.urandom(_ID_BYTES)
        events = linked_events(controller.name, link_id, low, high)
        if made is None:
            await connection.execute(sql.load("link_add", _QUERIES), controller.id, link_id, low, high)
            for subject_id, event in events.items():
                await connection.execute(
                    sql.load("outgoing_promise", _QUERIES),
                    controller.id,
                    event.envelope.event_id,
                    subject_id,
                    STEP,
                    codec.encode(event),
                    PROMISE_SECONDS,
                )
        return Outcome.JOINED if made is None else Outcome.ALREADY, events

    async def _told(self, controller: Controller, subject_id: bytes, event: IdentifierLinked) -> Placed:
        """Where one side stands on the log, appended now unless it was before."""
        event_id = event.envelope.event_id
        async with pool.borrowed(self._vault) as connection:
            sent = await connection.fetchrow(sql.load("outgoing_by_event", _QUERIES), event_id)
        if sent is not None:
            return Placed(subject_id, Appended(sent["offset"], sent["sent_ms"], sent["partition"]))
        (appended,) = await self._append(controller, subject_id, [event])
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("outgoing_note_event", _QUERIES),
                event_id,
                appended.broker_ms,
                appended.partition,
                appended.offset,
            )
        return Placed(subject_id, appended)


def _require_active(states: dict[bytes, SubjectState]) -> None:
    """Returns unless anybody in the locked groups is under erasure or erased (races.md, D13)."""
    if any(state is not SubjectState.ACTIVE for state in states.values()):
        raise Conflict("subject_not_active")


def _unknown(who: Named) -> Identifier:
    assert isinstance(who, Identifier), "a subject id that nobody has was refused"
    return who
