"""Make your service a holder: it gets the orders to erase people, acts, and answers with a signed acknowledgement.

::

    from ledger.sdk.holder import Erased, Holder

    holder = Holder.from_files(controller="klingit", name="crm", keys="holder-keys.json",
                               ledger_key="ledger-order-key.pub", bootstrap="kafka:9092")

    @holder.erases
    async def forget(person):
        done = await db.execute("delete from customer where email = any($1)", list(person.emails))
        return Erased(found=int(done.split()[1]), evidence=done.encode())

    await holder.run()

**Your function must be idempotent.** It is called once per order and its answer is remembered; but a process that
dies between acting and remembering acts again. It is tried until it succeeds: three times at once, then at growing
intervals, while other orders go on. Whatever it raises is logged by type alone. ``docs/holders.md`` has the rest.

Needs ``consent-ledger[kafka]`` to run, not to be imported.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from ledger.domain.identifiers import is_id
from ledger.errors import ConfigurationError, LedgerError, Rejected
from ledger.sdk.holder_answers import Answer, Erased, NothingHeld, PersonToErase, Refused
from ledger.sdk.holder_keys import HolderKeys, read_order_key
from ledger.sdk.holder_memory import HolderMemory, SqliteMemory

if TYPE_CHECKING:
    from ledger.sdk.holder_desk import Desk
    from ledger.sdk.holder_kafka import OrderTopic

__all__ = [
    "Answer",
    "Erased",
    "Holder",
    "HolderKeys",
    "HolderMemory",
    "NothingHeld",
    "PersonToErase",
    "Refused",
]

POLL_SECONDS: Final = 0.5
FIRST_WAIT_SECONDS: Final = 0.5
LAST_WAIT_SECONDS: Final = 30.0
RUN_ONCE_SECONDS: Final = 60.0
"""How long :meth:`Holder.run_once` waits to be let into the holder's group, behind a process that has just died."""

HandlerT = TypeVar("HandlerT", bound=Callable[[PersonToErase], Any])

_log = logging.getLogger(__name__)


class Holder:
    """One holder of one controller. Run it in one process at a time; a second one waits for the first to end."""

    def __init__(
        self,
        *,
        controller: str,
        keys: HolderKeys,
        order_key: bytes,
        bootstrap: str,
        memory: HolderMemory | Path | str | None = None,
        at_once: int = 1,
    ) -> None:
        """``order_key`` is the ledger's public order key; ``memory`` where answered orders are remembered:
        the file ``holder-<name>.sqlite3`` in the working folder unless said otherwise. ``at_once``: how many people
        your function may be called for at a time."""
        if not is_id(controller):
            raise Rejected("id_malformed", field="controller")
        self.controller = controller
        self.name = keys.name
        self._keys = keys
        self._order_key = order_key
        self._bootstrap = bootstrap
        if memory is None or isinstance(memory, str | Path):
            memory = SqliteMemory(memory or f"holder-{keys.name}.sqlite3")
        self._memory = memory
        self._at_once = max(1, at_once)
        self._handler: Callable[[PersonToErase], Any] | None = None
        self._stopping = asyncio.Event()

    @classmethod
    def from_files(
        cls,
        *,
        controller: str,
        name: str,
        keys: Path | str,
        ledger_key: Path | str,
        bootstrap: str | None = None,
        memory: HolderMemory | Path | str | None = None,
        at_once: int = 1,
    ) -> Self:
        """A holder with the keys of ``ledger holders keys`` and ``ledger holders order-key``.

        ``bootstrap`` is LEDGER_KAFKA_BOOTSTRAP unless given. Raises ``ConfigurationError`` (``holder_keys_malformed``,
        ``holder_keys_unsafe``, ``setting_missing``).
        """
        loaded = HolderKeys.load(keys)
        if loaded.name != name:
            detail = f"The file holds the keys of {loaded.name}, not of {name}."
            raise ConfigurationError("holder_keys_malformed", detail)
        return cls(
            controller=controller,
            keys=loaded,
            order_key=read_order_key(ledger_key),
            bootstrap=bootstrap or _bootstrap_setting(),
            memory=memory,
            at_once=at_once,
        )

    def erases(self, handler: HandlerT) -> HandlerT:
        """Makes ``handler`` the function that erases a person and returns ``Erased``, ``NothingHeld`` or ``Refused``.

        A plain function runs in a thread of its own.
        """
        self._handler = handler
        return handler

    async def run(self) -> None:
        """Carries out orders until :meth:`stop`. Waits for Kafka however long it is away."""
        desk = self._desk()
        wait = FIRST_WAIT_SECONDS
        try:
            while not self._stopping.is_set():
                try:
                    async with self._topic() as topic:
                        while not self._stopping.is_set():
                            await self._turn(topic, desk)
                            # Not before: a Kafka that lets everybody in and then takes nothing would be asked by
                            # all holders of a busy machine twice a second, each time with new clients.
                            wait = FIRST_WAIT_SECONDS
                except LedgerError as error:
                    if not error.retryable:
                        raise
                    cause = error.context.get("cause") or type(error.__cause__).__name__
                    _log.warning("the holder waits %.1f s: %s (%s)", wait, error.code, cause)
                    await self._pause(wait)
                    wait = min(2 * wait, LAST_WAIT_SECONDS)
        finally:
            await self._memory.close()

    async def run_once(self) -> int:
        """Carries out the orders that are there now, for a job that is started from time to time.

        Returns how many were answered anew. An order that fails stays for the next time. Raises ``Unavailable``.
        """
        desk = self._desk()
        begun = asyncio.get_running_loop().time()
        try:
            async with self._topic() as topic:
                while True:
                    at_end = await topic.is_at_end()
                    waited = asyncio.get_running_loop().time() - begun
                    if at_end or self._stopping.is_set() or (at_end is None and waited > RUN_ONCE_SECONDS):
                        await desk.catch_up(topic.send)
                        return desk.answered
                    await self._turn(topic, desk)
        finally:
            await self._memory.close()

    def stop(self) -> None:
        """Ends :meth:`run` after the order in hand. May be called from a signal handler of the loop."""
        self._stopping.set()

    async def _turn(self, topic: "OrderTopic", desk: "Desk") -> None:
        await desk.catch_up(topic.send)
        records = await topic.poll(POLL_SECONDS)
        for start in range(0, len(records), self._at_once):
            group = records[start : start + self._at_once]
            own = [record for record in group if record.key == self.name.encode()]
            # None is left running behind when another one fails.
            done = await asyncio.gather(
                *(desk.take(record.value, topic.send) for record in own), return_exceptions=True
            )
            for result in done:
                if isinstance(result, BaseException):
                    raise result
            await topic.commit(group)
            if self._stopping.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _topic(self) -> Any:
        from ledger.sdk.holder_kafka import OrderTopic

        return OrderTopic.open(self._bootstrap, self.controller, self.name)

    def _desk(self) -> "Desk":
        if self._handler is None:
            raise ConfigurationError("holder_without_handler")
        try:
            from ledger.sdk import holder_kafka  # noqa: F401 - asked for now, before anything is waited for
            from ledger.sdk.holder_desk import Desk
        except ModuleNotFoundError as error:
            detail = f"A holder needs {error.name}: pip install 'consent-ledger[kafka]'."
            raise ConfigurationError("part_missing", detail) from error
        return Desk(
            controller=self.controller,
            keys=self._keys,
            order_key=self._order_key,
            memory=self._memory,
            handler=self._handler,
            at_once=self._at_once,
        )


def _bootstrap_setting() -> str:
    from ledger import settings

    found = settings.load(settings.ClientSettings).kafka_bootstrap
    if found is None:
        detail = "LEDGER_KAFKA_BOOTSTRAP is not set and bootstrap= was not given."
        raise ConfigurationError("setting_missing", detail, setting="LEDGER_KAFKA_BOOTSTRAP")
    return found
