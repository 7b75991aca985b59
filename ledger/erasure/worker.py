"""The erasure worker: takes every open request as far as it goes, one process at a time.

A session lock in the vault's database says which process works; the others stand by and take over when its connection
ends. Nothing depends on the lock but order: each step is guarded by the state of its row.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self

import msgspec

from ledger.domain.deadlines import request_due
from ledger.domain.rights_requests import event_id_of
from ledger.erasure.catalogues import Catalogues
from ledger.erasure.destroying import Destroyer
from ledger.erasure.following import Follower
from ledger.erasure.queue import BATCH as QUEUE_BATCH
from ledger.erasure.queue import EventQueue, announce
from ledger.erasure.request_rows import request_of
from ledger.erasure.requests import tell_opened
from ledger.erasure.restoring import Restorer
from ledger.erasure.settling import Settling, Waits
from ledger.erasure.steps import RequestSteps
from ledger.errors import LedgerError, Unavailable
from ledger.event_log.producer import Appender
from ledger.log_lines import get_logger
from ledger.metrics import ERASURES_DUE, ERASURES_OVERDUE
from ledger.read_model import pool, sql
from ledger.read_model.reader import ViewReader
from ledger.settings import ReactionsSettings
from ledger.vault.directory import Controller
from ledger.vault.secrets import Secrets

__all__ = ["ErasureWorker"]

AT_ONCE: Final = 8
BATCH: Final = 200
RESUMED_AT_ONCE: Final = 100
HOUSE_SECONDS: Final = 1.0
APPLICATION_NAME: Final = "ledger-erasures"
# Any constant will do, as long as every version uses the same: the bytes of "erasure".
LOCK_KEY: Final = 0x65_72_61_73_75_72_65
_QUERIES: Final = "ledger.vault.queries"
_log = get_logger(__name__)


class ErasureWorker:
    """The erasure worker; open it as an async context manager.

    ``vault`` and ``connections`` are pools, the second of the read model; ``appender`` goes to the log. They stay the
    caller's.
    """

    def __init__(
        self,
        settings: ReactionsSettings,
        *,
        vault: Any,
        connections: Any,
        secrets: Secrets,
        appender: Appender,
        reach: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._vault = vault
        self._connections = connections
        self._secrets = secrets
        self._appender = appender
        self._reach = reach or _unwatched
        self._stack = AsyncExitStack()
        self._names: dict[int, str] = {}
        self._house_at = 0.0
        self.is_leader = False

    async def __aenter__(self) -> Self:
        """Opens what is its own; the vault has followed the log to its end when this returns."""
        try:
            self._lock = await pool.connect(self._settings.vault_dsn, application_name=APPLICATION_NAME)
            self._stack.callback(self._lock.terminate)
            self._assemble()
            await self._stack.enter_async_context(self.follower)
            await self.follower.catch_up()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def work(self) -> int:
        """One round: takes requests further, sends what the vault owes; returns the steps it saw.

        Raises ``Unavailable`` when a service is away; nothing is lost by it.
        """
        if not await self._lead():
            return 0
        await self._keep_house()
        advanced = await self._advance_due()
        # In the same round, so that no request waits for the next to have its event on the log.
        while await self.queue.send_unsent() == QUEUE_BATCH:
            continue
        return advanced

    def _assemble(self) -> None:
        settings = self._settings
        reader = ViewReader(self._connections)
        self._stack.push_async_callback(reader.aclose)
        settling = Settling(settings.kafka_bootstrap, self._connections)
        destroyer = Destroyer(self._vault, self._connections, reader, self._secrets)
        waits = Waits(
            self._connections,
            settings.subject_cache_seconds,
            settings.append_deadline_seconds,
            settings.settle_margin_seconds,
        )
        catalogues = Catalogues(settings.kafka_bootstrap, self._connections)
        self.follower = Follower(
            settings.kafka_bootstrap, self._vault, self._connections, Restorer(self._vault)
        )
        self.queue = EventQueue(self._vault, self._connections, self._appender, self._reach)
        self._steps = RequestSteps(
            self._vault, catalogues, settling, destroyer, waits, self._reach
        )

    async def _lead(self) -> bool:
        """Whether this process has the lock; a lost connection is an error, and the next start tries again."""
        if not self.is_leader:
            with pool.translated():
                self.is_leader = await self._lock.fetchval(sql.load("erasure_lock", _QUERIES), LOCK_KEY)
        elif self._lock.is_closed():
            raise Unavailable("postgres_unavailable", "The connection with the lock of the erasure worker is gone.")
        return self.is_leader

    async def _advance_due(self) -> int:
        async with pool.borrowed(self._vault) as connection:
            due = await connection.fetch(sql.load("request_due", _QUERIES), BATCH)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(row: Any) -> None:
            async with limit:
                controller = await self._controller(row["controller_id"])
                try:
                    await self._steps.advance(request_of(controller, row))
                except LedgerError as error:
                    # One request's trouble (a catalogue that cannot be read, a row that was damaged, a topic that is
                    # away) is not the others'. With Postgres away the note fails as well, and that is everybody's.
                    await self._note_trouble(controller, row["request_id"], error.code)

        # What is not caught up knows nobody's noes for certain.
        rows = [row for row in due if row["controller_id"] not in self.follower.broken]
        results = await asyncio.gather(*(one(row) for row in rows), return_exceptions=True)
        ERASURES_DUE.set(len(due))
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(due)

    async def _keep_house(self) -> None:
        """What need not be looked at in every round."""
        now = time.monotonic()
        if now < self._house_at:
            return
        self._house_at = now + HOUSE_SECONDS
        await self._mark_overdue()
        await self._resume()
        await self.queue.purge()

    async def _note_trouble(self, controller: Controller, request_id: bytes, code: str) -> None:
        _log.error("erasure_waits", controller=controller.name, request_id=request_id.hex(), code=code)
        async with pool.borrowed(self._vault) as connection:
            await connection.execute(
                sql.load("request_wait", _QUERIES), controller.id, request_id, code, 5.0
            )

    async def _mark_overdue(self) -> None:
        """A request is overdue when its day has passed, or before that when a holder lets its own pass (GDPR 12(3))."""
        now_ms = time.time_ns() // 1_000_000
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            rows: Sequence[Any] = await connection.fetch(sql.load("request_overdue", _QUERIES), now_ms)
            for row in rows:
                controller = await self._controller(row["controller_id"])
                await announce(
                    connection, controller, row["request_id"], row["subject_ids"], "overdue",
                    holder=row["holder"],
                )  # fmt: skip
        if rows:
            ERASURES_OVERDUE.inc(len(rows))
            _log.error("erasures_overdue", count=len(rows))

    async def _resume(self) -> None:
        """Opens the erasure of what was held, once its last hold has ended (GDPR art. 17(3) no longer applies)."""
        now_ms = time.time_ns() // 1_000_000
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            for row in await connection.fetch(sql.load("request_resuming", _QUERIES), now_ms, RESUMED_AT_ONCE):
                request_id = event_id_of(row["request_id"], "resumed")
                held = [one["category"] for one in msgspec.json.decode(row["held"])]
                opened = await connection.fetchrow(
                    sql.load("request_resume", _QUERIES),
                    row["controller_id"], row["request_id"], request_id, now_ms, request_due(now_ms),
                    await self._acted_since(row), held,
                )  # fmt: skip
                if opened is not None:
                    controller = await self._controller(row["controller_id"])
                    await tell_opened(
                        connection, controller, request_id, opened["subject_ids"],
                        tuple(opened["categories"]), msgspec.json.decode(opened["stated_holds"]), now_ms,
                    )  # fmt: skip

    async def _acted_since(self, row: Any) -> bool:
        """Whether the person has acted since what could be erased was: then they are somebody's customer again."""
        async with pool.borrowed(self._connections) as connection:
            found: bool = await connection.fetchval(
                sql.load("read_acted_since"), row["controller_id"], row["subject_ids"], row["completed_ms"] or 0
            )
        return found

    async def _controller(self, controller_id: int) -> Controller:
        if controller_id not in self._names:
            async with pool.borrowed(self._connections) as connection:
                name = await connection.fetchval(sql.load("controller_name"), controller_id)
            if name is None:
                raise Unavailable("log_not_ready")
            self._names[controller_id] = name
        return Controller(controller_id, self._names[controller_id])


def _unwatched(step: str) -> None:
    """Nobody tests."""
