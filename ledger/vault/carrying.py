"""What outlives an erasure, on the log of the id under which the person comes back, before anybody has that id.

The life of one who comes back: the directory makes a subject id and, in the same transaction, marks it, since a
suppression or an erased-before marker stands for the name. The noes and the marker are appended to the live lane of
the new id; once all are acknowledged, the mark is taken away and the id handed out. Whoever finds a marked id on the
way does the same first. It is no different when the name is joined to a person who is there (:mod:`.linking`). The
event ids follow from what is carried and to whom, so that doing it twice is a repeat (races.md, D6).

What is carried, and how coarsely, is said in :mod:`ledger.domain.carrying`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from ledger.domain.carrying import SOURCE, carried_events, erased_before
from ledger.domain.envelope import Lane
from ledger.domain.events import SubjectEvent
from ledger.domain.identifiers import Identifier
from ledger.errors import Unavailable
from ledger.event_log import codec
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appended, Appender
from ledger.event_log.topics import topic_name
from ledger.read_model import pool, sql
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory, Entry
from ledger.vault.suppressions import Suppressions

__all__ = ["SOURCE", "Append", "Resolver", "appending", "carried_events", "erased_before"]

AT_ONCE: Final = 16
"""People whose noes are under way together, in one process."""
# A name that is joined while those before it are carried asks for another round; thrice in a row is no accident.
MAX_ATTEMPTS: Final = 3
APPEND_TIMEOUT_SECONDS: Final = 20.0
_QUERIES: Final = "ledger.vault.queries"

Append = Callable[[Controller, bytes, Sequence[SubjectEvent]], Awaitable[list[Appended]]]
"""Appends events to the live lane of a subject; every one is acknowledged on return, or ``Unavailable`` is raised."""


def appending(appender: Appender, partitions: int, *, timeout_s: float = APPEND_TIMEOUT_SECONDS) -> Append:
    """Appends to the live lane of a log with so many partitions, whose genesis its caller has seen."""

    async def append(
        controller: Controller, subject_id: bytes, events: Sequence[SubjectEvent]
    ) -> list[Appended]:
        topic, partition = topic_name(controller.name, Lane.LIVE), partition_of(subject_id, partitions)

        def one(event: SubjectEvent) -> Awaitable[Appended]:
            return appender.append(
                topic, partition, subject_id, lambda attempt: codec.encode(event), timeout_s=timeout_s
            )

        results = await asyncio.gather(*map(one, events), return_exceptions=True)
        _raise_first(results)
        return [result for result in results if isinstance(result, Appended)]

    return append


class Resolver:
    """Hands out subject ids: the directory, with what outlived an erasure carried before.

    ``vault`` is the pool that the directory has. One per process, shared by all tasks.
    """

    def __init__(self, vault: Any, directory: Directory, suppressions: Suppressions, append: Append) -> None:
        self._vault = vault
        self._directory = directory
        self._suppressions = suppressions
        self._append = append
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[tuple[int, bytes], asyncio.Task[None]] = {}

    async def resolve(self, controller: Controller, who: Sequence[Identifier]) -> list[Entry]:
        """The entry of each identifier in the order given, made where there was none; durable on return, and with
        every no that outlived an erasure of its person acknowledged by the log.

        At most 1,000 at a time. Raises ``Unavailable`` when Postgres or the log does not answer: nobody has got any
        of the new ids then, and the same call may be made again.
        """
        return await self._carried_to(controller, await self._directory.resolve(controller, who))

    async def known(self, controller: Controller, subject_ids: Sequence[bytes]) -> list[Entry | None]:
        """As :meth:`Directory.known`, with every carry completed."""
        entries = await self._directory.known(controller, subject_ids)
        carried = iter(await self._carried_to(controller, [entry for entry in entries if entry is not None]))
        return [entry if entry is None else next(carried) for entry in entries]

    async def carry(self, controller: Controller, subject_id: bytes) -> list[Appended]:
        """Puts on the log of a pending subject what outlived an erasure of anybody who had one of its names, and
        takes the mark away; says where the records stand. Repeatable.

        Raises ``Unavailable`` when Postgres or the log does not answer; the subject stays pending then.
        """
        for _ in range(MAX_ATTEMPTS):
            names = await self._directory.identifiers_of(controller, subject_id)
            matches = await self._suppressions.matches(controller, names)
            events = carried_events(controller.name, subject_id, matches)
            appended = await self._append(controller, subject_id, events) if events else []
            async with pool.borrowed(self._vault) as connection, connection.transaction():
                # Locked by a statement of its own: the next one sees a name that was joined while it waited.
                await connection.fetch(sql.load("subject_lock", _QUERIES), controller.id, [subject_id])
                if await connection.fetchval(
                    sql.load("subject_carried", _QUERIES), controller.id, subject_id, len(names)
                ):
                    return appended
        raise Unavailable("postgres_unavailable", "The names of a person changed again and again.")

    async def erased_before(self, controller: Controller, names: Sequence[Identifier]) -> int | None:
        """Until when everything about the people of these names was erased, in ms, as the log tells it; or None."""
        return erased_before(await self._suppressions.matches(controller, names))

    async def _carried_to(self, controller: Controller, entries: Sequence[Entry]) -> list[Entry]:
        """The entries, once nothing is pending for any of them."""
        pending = list(dict.fromkeys(entry.subject_id for entry in entries if entry.carry_pending))
        for _ in range(MAX_ATTEMPTS):
            if not pending:
                return [entry._replace(carry_pending=False) for entry in entries]
            under_way = [asyncio.shield(self._shared(controller, subject_id)) for subject_id in pending]
            _raise_first(await asyncio.gather(*under_way, return_exceptions=True))
            # What was under way may be older than the mark that was seen.
            now = await self._directory.known(controller, pending)
            pending = [entry.subject_id for entry in now if entry is not None and entry.carry_pending]
        raise Unavailable("postgres_unavailable", "The names of a person changed again and again.")

    def _shared(self, controller: Controller, subject_id: bytes) -> "asyncio.Task[None]":
        """The one carry of this process to a subject: whoever asks while it is under way waits for the same."""
        key = (controller.id, subject_id)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._carry_in_turn(controller, subject_id))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        return task

    async def _carry_in_turn(self, controller: Controller, subject_id: bytes) -> None:
        async with self._slots:
            await self.carry(controller, subject_id)

    def _settle(self, key: tuple[int, bytes], done: "asyncio.Task[None]") -> None:
        del self._under_way[key]
        # Looked at in any case: whoever asked may have stopped waiting.
        if not done.cancelled():
            done.exception()


def _raise_first(results: Iterable[object]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result
