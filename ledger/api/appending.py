"""The way from an event to an acknowledged record of the controller's live lane, counted and timed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ledger import metrics
from ledger.api.logs import Log, LogEnds
from ledger.domain.events import Lane, SubjectEvent
from ledger.errors import LedgerError, Unavailable
from ledger.event_log import codec
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.log_info import read_log_info
from ledger.event_log.producer import Appended, Appender, Attempt

__all__ = ["LogWriter", "Pending"]

APPEND_TIMEOUT_SECONDS: Final = 8.0
"""How long one request waits for the log. Shorter than the SDK's attempt, so that it hears a reason; the record may
still arrive, which the retry under the same event id allows for."""
EVIDENCE_TIMEOUT_SECONDS: Final = 3.0
GENESIS_TIMEOUT_SECONDS: Final = 5.0


class Pending(NamedTuple):
    """An event to be: ``make`` is called for each attempt, with whether an earlier one may be on the log."""

    name: str
    make: Callable[[bool], SubjectEvent]


class LogWriter:
    """Writes to the live lanes of logs whose genesis was seen."""

    def __init__(self, appender: Appender, bootstrap: str, ends: LogEnds) -> None:
        self._appender = appender
        self._bootstrap = bootstrap
        self._ends = ends
        self._ready: dict[tuple[str, bytes, int], asyncio.Task[None]] = {}
        self.is_working = True
        """Whether the last append was acknowledged; true before the first."""

    async def append(
        self, log: Log, subject_id: bytes, pending: Sequence[Pending], *, use_until: float
    ) -> list[Appended]:
        """Appends the events in one burst; every one is acknowledged by all in-sync replicas on return.

        No attempt begins after ``use_until`` (``seconds_since_boot``): then the person may have been erased since
        the id was looked up, and an erasure does not wait longer (races.md, D3). Raises ``Unavailable``
        (``log_unavailable``, ``log_not_ready``) when not all were acknowledged in time: some may be on the log
        then, so all must be sent again under the same event ids.
        """
        await self._require_genesis(log)
        results = await asyncio.gather(
            *(self._append_one(log, subject_id, one, use_until) for one in pending), return_exceptions=True
        )
        appended: list[Appended] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            appended.append(result)
        return appended

    async def append_as_they_are(
        self, log: Log, subject_id: bytes, events: Sequence[SubjectEvent]
    ) -> list[Appended]:
        """As :meth:`append`, for events that say nothing about their own sending, and may be sent to any id."""
        use_until = seconds_since_boot() + APPEND_TIMEOUT_SECONDS
        return await self.append(log, subject_id, [_as_it_is(event) for event in events], use_until=use_until)

    async def append_evidence(self, log: Log, subject_id: bytes, sealed: bytes) -> None:
        """Appends sealed evidence, acknowledged on return; raises ``Unavailable`` as :meth:`append` does.

        Given up sooner than an act: a no is waiting behind it.
        """
        await self._require_genesis(log)
        await self._appender.append(
            log.topic(Lane.EVIDENCE),
            log.partition_of(subject_id),
            subject_id,
            lambda attempt: sealed,
            timeout_s=EVIDENCE_TIMEOUT_SECONDS,
        )

    async def aclose(self) -> None:
        await self._appender.close()

    async def _append_one(self, log: Log, subject_id: bytes, pending: Pending, use_until: float) -> Appended:
        partition = log.partition_of(subject_id)

        def value(attempt: Attempt) -> bytes:
            if seconds_since_boot() > use_until:
                raise Unavailable("log_unavailable", "The act took so long that its subject id grew old.")
            return codec.encode(pending.make(attempt.may_be_repeat))

        began = time.perf_counter()
        try:
            appended = await self._appender.append(
                log.topic(), partition, subject_id, value, timeout_s=APPEND_TIMEOUT_SECONDS
            )
        except LedgerError as error:
            self.is_working = error.code != "log_unavailable"
            metrics.EVENTS_APPENDED.labels(event_type=pending.name, outcome=error.code).inc()
            raise
        self.is_working = True
        metrics.EVENTS_APPENDED.labels(event_type=pending.name, outcome="acknowledged").inc()
        metrics.APPEND_DURATION.labels(event_type=pending.name).observe(time.perf_counter() - began)
        self._ends.note((log.log_id, log.generation, Lane.LIVE.number, partition), appended.offset + 1)
        return appended

    async def _require_genesis(self, log: Log) -> None:
        """Returns once this log's genesis was seen: a record before it would take its place for ever."""
        key = (log.controller, log.log_id, log.generation)
        task = self._ready.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.get_running_loop().create_task(self._look_for_genesis(log))
            # Looked at in any case: whoever asked may have stopped waiting.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._ready[key] = task
        if not task.done():
            await asyncio.wait([task], timeout=GENESIS_TIMEOUT_SECONDS)
        if not task.done():
            raise Unavailable("log_unavailable", "The log (Kafka) did not answer in time.")
        task.result()

    async def _look_for_genesis(self, log: Log) -> None:
        found = await read_log_info(self._bootstrap, log.controller)
        if (found.log_id, found.generation) != (log.log_id, log.generation):
            raise Unavailable("log_not_ready", "The topic holds another log than the control tables name.")


def _as_it_is(event: SubjectEvent) -> Pending:
    return Pending(type(event).__name__, lambda may_be_repeat: event)
