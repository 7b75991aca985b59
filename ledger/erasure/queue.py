"""Events that the vault owes the log: written with what they tell of in one transaction, appended afterwards.

A crash in between leaves them in the table; they are sent again under the same event id, marked as possible repeats,
and the fold counts the first (races.md, D30). Those of one subject are appended in the order in which they were
written.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from ledger.domain.carrying import SOURCE
from ledger.domain.envelope import Capture, Envelope, Lane, Voice
from ledger.domain.erasure_events import ErasureAdvanced
from ledger.domain.events import SubjectEvent
from ledger.domain.rights_requests import event_id_of
from ledger.errors import LedgerError
from ledger.event_log import codec
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appended, Appender, Attempt
from ledger.event_log.topics import topic_name
from ledger.log_lines import get_logger
from ledger.read_model import pool, records, sql
from ledger.vault.directory import Controller

__all__ = ["EventQueue", "announce", "enqueue", "envelope_for", "is_sent"]

BATCH: Final = 500
OF_ONE_CONTROLLER: Final = 300
KEPT_MS: Final = 7 * 86_400_000
APPEND_TIMEOUT_SECONDS: Final = 20.0
_QUERIES: Final = "ledger.vault.queries"
_log = get_logger(__name__)


def envelope_for(controller: str, event_id: bytes, request_id: bytes | None) -> Envelope:
    """The envelope of an event that the ledger appends by itself."""
    return Envelope(
        event_id=event_id,
        act_id=request_id or event_id,
        controller=controller,
        source=SOURCE,
        voice=Voice.CONTROLLER,
        capture=Capture.SYSTEM,
        may_be_repeat=True,
        request_id=request_id,
    )


async def enqueue(
    connection: Any,
    *,
    controller_id: int,
    subject_id: bytes,
    request_id: bytes | None,
    step: str,
    event: SubjectEvent,
) -> None:
    """Puts an event in the queue, in the caller's transaction of the vault. The same event id twice is once."""
    await connection.execute(
        sql.load("outgoing_add", _QUERIES),
        controller_id,
        event.envelope.event_id,
        subject_id,
        request_id,
        step,
        codec.encode(event),
    )


async def announce(
    connection: Any,
    controller: Controller,
    request_id: bytes,
    subject_ids: Sequence[bytes],
    step: str,
    *,
    holder: str | None = None,
    order_id: bytes | None = None,
    outcome: str | None = None,
    verification: int | None = None,
    until_ms: int | None = None,
) -> None:
    """Queues ``ErasureAdvanced`` for every subject of a request: what step was taken, and by or for which holder."""
    if holder is not None:
        # A holder's answer may be what the request waits for.
        await connection.execute(sql.load("request_bring_forward", _QUERIES), controller.id, request_id)
    for subject_id in subject_ids:
        event_id = event_id_of(request_id, step, holder or "", subject_id.hex())
        event = ErasureAdvanced(
            envelope=envelope_for(controller.name, event_id, request_id),
            step=step,
            holder=holder,
            order_id=order_id,
            outcome=outcome,
            verification=verification,
            until_ms=until_ms,
        )
        await enqueue(
            connection,
            controller_id=controller.id,
            subject_id=subject_id,
            request_id=request_id,
            step=step,
            event=event,
        )


async def is_sent(connection: Any, controller_id: int, request_id: bytes, step: str) -> bool:
    """Whether every event of a step of a request has been acknowledged by the log."""
    sent: bool = await connection.fetchval(
        sql.load("outgoing_is_sent", _QUERIES), controller_id, request_id, step
    )
    return sent


class EventQueue:
    """Sends what the vault owes. One process at a time: its caller holds the lock of the erasure worker.

    ``reach`` is called between an acknowledgement and its note, for fault tests.
    """

    def __init__(
        self, vault: Any, connections: Any, appender: Appender, reach: Callable[[str], None] | None = None
    ) -> None:
        self._vault = vault
        self._connections = connections
        self._appender = appender
        self._reach = reach or _unwatched

    async def send_unsent(self) -> int:
        """Appends up to 500 waiting events, and returns how many were acknowledged and noted; 500 if there may be more.

        What the log does not take (it is away, or a controller's is not ready) is sent again in the next round, and
        keeps nobody else's back. Raises ``Unavailable`` when Postgres is away.
        """
        async with pool.borrowed(self._vault) as connection:
            waiting = await connection.fetch(sql.load("outgoing_unsent", _QUERIES), BATCH, OF_ONE_CONTROLLER)
        by_subject: dict[tuple[int, bytes], list[Any]] = {}
        for row in waiting:
            by_subject.setdefault((row["controller_id"], row["subject_id"]), []).append(row)
        logs = {
            controller_id: await self._log(controller_id)
            for controller_id in {row["controller_id"] for row in waiting}
        }
        sent = await asyncio.gather(
            *(
                self._send_in_order(log, rows)
                for (controller_id, _), rows in by_subject.items()
                if (log := logs[controller_id]) is not None
            )
        )
        noted = [one for result in sent for one in result]
        if noted:
            self._reach("event_sent")
            await self._note(noted)
        return len(noted)

    async def purge(self) -> int:
        """Deletes up to 500 events that the log has had for a week, and says how many."""
        before_ms = time.time_ns() // 1_000_000 - KEPT_MS
        async with pool.borrowed(self._vault) as connection:
            deleted: int = await connection.fetchval(sql.load("outgoing_purge", _QUERIES), before_ms, BATCH)
        return deleted

    async def _log(self, controller_id: int) -> tuple[str, int, int] | None:
        async with pool.borrowed(self._connections) as connection:
            name = await connection.fetchval(sql.load("controller_name"), controller_id)
            found = await records.log_of_controller(connection, controller_id)
        if found is None or name is None:
            return None
        return topic_name(name, Lane.LIVE), found.generation, found.partitions

    async def _send_in_order(
        self, log: tuple[str, int, int], rows: Sequence[Any]
    ) -> list[tuple[int, int, Appended]]:
        topic, generation, partitions = log
        sent = []
        for row in rows:
            key = row["subject_id"]
            try:
                appended = await self._appender.append(
                    topic,
                    partition_of(key, partitions),
                    key,
                    _always(row["event"]),
                    timeout_s=APPEND_TIMEOUT_SECONDS,
                )
            except LedgerError as error:
                # Those behind it wait as well: one subject's events keep their order.
                _log.warning("event_not_sent", code=error.code, seq=row["seq"])
                break
            sent.append((row["seq"], generation, appended))
        return sent

    async def _note(self, sent: Sequence[tuple[int, int, Appended]]) -> None:
        columns = [
            (seq, appended.broker_ms, generation, appended.partition, appended.offset)
            for seq, generation, appended in sent
        ]
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("outgoing_note", _QUERIES), *(list(column) for column in zip(*columns, strict=True))
            )


def _always(value: bytes) -> Callable[[Attempt], bytes]:
    """The same bytes at every attempt: they say already that they may be a repeat, and no wait was measured."""
    return lambda attempt: value


def _unwatched(step: str) -> None:
    """Nobody tests."""
