"""Carries out one order: received, tried until it succeeds, answered in the same words however often it is asked.

Everything a holder does that needs no Kafka. The order of steps is what makes it safe to end the process anywhere: the
acknowledgement is kept before it is sent, an order that fails is kept before Kafka is told that it was read.
"""

import asyncio
import hashlib
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

from ledger.domain.orders import ErasureAcknowledgement, ErasureOrder, signed_bytes
from ledger.errors import LedgerError, Rejected
from ledger.event_log import codec
from ledger.order_security import signed
from ledger.sdk.holder_answers import Answer, NothingHeld, PersonToErase, acknowledgement_of, person_of
from ledger.sdk.holder_keys import HolderKeys
from ledger.sdk.holder_memory import HolderMemory, Remembered
from ledger.sdk.holder_orders import opened_order, order_of
from ledger.sealing import key_id

__all__ = ["Desk", "Handler", "Send"]

TRIES_IN_PLACE: Final = 3
FIRST_WAIT_SECONDS: Final = 0.2
LAST_WAIT_SECONDS: Final = 300.0
"""Between two tries of an order that goes on failing; others are carried out meanwhile."""

Handler = Callable[[PersonToErase], Awaitable[Answer] | Answer]
Send = Callable[[bytes, bytes], Awaitable[None]]
"""Sends (order id, acknowledgement); returns when Kafka has it, else raises ``Unavailable``."""

_log = logging.getLogger(__name__)


class Desk:
    """One holder's orders; the function is called for at most ``at_once`` people at a time."""

    def __init__(
        self,
        *,
        controller: str,
        keys: HolderKeys,
        order_key: bytes,
        memory: HolderMemory,
        handler: Handler,
        at_once: int = 1,
    ) -> None:
        self.answered = 0
        self._controller = controller
        self._keys = keys
        self._order_key = order_key
        self._memory = memory
        self._handler = handler
        self._slots = asyncio.Semaphore(at_once)
        # An order that comes twice in a row must not be carried out twice side by side.
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def take(self, value: bytes | None, send: Send) -> None:
        """Takes one record that is addressed to this holder. What is no order of the ledger's is told and passed.

        On return the order is answered, or kept to be tried again by :meth:`catch_up`.
        """
        try:
            order = self._order(value)
            opened_order(order, self._keys)
        except Rejected as error:
            _log.warning("an order was passed over: %s (%s)", error.code, error.detail)
            return
        async with self._turns.setdefault(order.order_id, asyncio.Lock()):
            await self._take(order, value or b"", send)

    async def _take(self, order: ErasureOrder, value: bytes, send: Send) -> None:
        known = await self._memory.find(order.order_id)
        if known is not None and known.acknowledgement and _stands(known, order):
            await self._send(known, send)
            return
        await self._carry_out(order, value, send, tries=TRIES_IN_PLACE, failed=known.tries if known else 0)

    async def catch_up(self, send: Send) -> None:
        """Sends answers that Kafka does not have yet, and tries again the orders whose time has come, once each."""
        for known in await self._memory.unsent():
            await self._send(known, send)
        owed = await self._memory.owed(time.time())
        done = await asyncio.gather(*(self._try_again(known, send) for known in owed), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    async def _try_again(self, known: Remembered, send: Send) -> None:
        try:
            order = self._order(known.received)
        except Rejected as error:
            # It was good when it came: the ledger's key has changed since, and it will send the order anew.
            _log.warning("an order waits for its next sending: %s", error.code)
            next_try_at = time.time() + LAST_WAIT_SECONDS
            await self._memory.put_off(known.order_id, known.attempt, known.received or b"", next_try_at)
            return
        async with self._turns.setdefault(order.order_id, asyncio.Lock()):
            await self._carry_out(order, known.received or b"", send, tries=1, failed=known.tries)

    async def _carry_out(
        self, order: ErasureOrder, value: bytes, send: Send, *, tries: int, failed: int
    ) -> None:
        for number in range(tries):
            if number:
                await asyncio.sleep(FIRST_WAIT_SECONDS * 2 ** (number - 1))
            try:
                message = acknowledgement_of(order, await self._act(order), self._keys, _now_ms())
            except Exception as error:  # noqa: BLE001 - another team's code may raise anything, and is tried again
                # By code or type alone: the text of another team's error may name the person.
                cause = error.code if isinstance(error, LedgerError) else type(error).__name__
                _log.warning("order %s was not carried out: %s", order.order_id.hex(), cause)
                continue
            acknowledgement = codec.encode(message)
            is_final = message.outcome != "refused" and message.left == 0
            await self._memory.answer(order.order_id, order.attempt, acknowledgement, is_final)
            self.answered += 1
            await self._send(
                Remembered(order.order_id, order.attempt, None, failed, acknowledgement, is_final), send
            )
            return
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(failed + tries, 16), LAST_WAIT_SECONDS)
        await self._memory.put_off(order.order_id, order.attempt, value, time.time() + wait)

    async def _act(self, order: ErasureOrder) -> Any:
        contents = opened_order(order, self._keys)
        if not contents.subject_ids and not contents.identifiers:
            # By nothing that the ledger knows can this holder find the person, so no function should look.
            return NothingHeld(evidence=hashlib.sha256(signed_bytes(order)).digest())
        person = person_of(order, contents)
        async with self._slots:
            if inspect.iscoroutinefunction(self._handler):
                return await self._handler(person)
            found = await asyncio.to_thread(self._handler, person)
            return await found if inspect.isawaitable(found) else found

    async def _send(self, known: Remembered, send: Send) -> None:
        acknowledgement = self._in_own_hand(known.acknowledgement or b"")
        if acknowledgement != known.acknowledgement:
            await self._memory.answer(known.order_id, known.attempt, acknowledgement, known.is_final)
        await send(known.order_id, acknowledgement)
        await self._memory.note_sent(known.order_id)

    def _in_own_hand(self, acknowledgement: bytes) -> bytes:
        """The acknowledgement, signed with the keys of today: by those that it had the ledger would refuse it."""
        message = codec.decode(acknowledgement)
        own = key_id(self._keys.public.signing_key)
        if not isinstance(message, ErasureAcknowledgement) or message.key_id == own:
            return acknowledgement
        return codec.encode(signed(msgspec.structs.replace(message, key_id=own), self._keys.signing_key))

    def _order(self, value: bytes | None) -> ErasureOrder:
        return order_of(
            value,
            controller=self._controller,
            holder=self._keys.name,
            order_key=self._order_key,
            now_ms=_now_ms(),
        )


def _stands(known: Remembered, order: ErasureOrder) -> bool:
    """Whether an answer is given to the order again: not if it did not do and the ledger gives the order anew, nor if
    the holder refused and is asked once more; but Kafka's saying a sending twice asks nothing."""
    return known.attempt >= (order.counts_from if known.is_final else order.attempt)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
