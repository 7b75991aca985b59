"""A direct producer's connection to its controller's log: which log it is, as whom it writes, and the appender."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from ledger.errors import ConfigurationError, IntegrityViolation, LedgerError, Unavailable
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import APPEND_DEADLINE_S, Appended, Appender, Attempt
from ledger.sdk.direct import Partition, Speaker
from ledger.sdk.http_transport import HttpTransport, LogAnswer
from ledger.sdk.resolved_ids import ID_LIFE_SECONDS

__all__ = ["KafkaLog", "Limits"]

LOG_WAIT_SECONDS: Final = 5.0
"""How long the first act waits for a log that is just being made."""
LIMITS_SECONDS: Final = 1.0
"""How long the API is asked for the limits by a producer that could go on without."""
ASK_AGAIN_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """How long this producer may rely on an id, and try one append: an erasure waits for both and for no more."""

    cache_seconds: float
    append_seconds: float


STRICTEST: Final = Limits(1.0, 2.0)
"""The least that any ledger allows: what a producer keeps to as long as nobody could be asked."""


class KafkaLog:
    """Connects at the first act, and belongs to the event loop and process of that act."""

    def __init__(
        self, bootstrap: str, http: HttpTransport, controller: str | None, source: str | None
    ) -> None:
        self._bootstrap = bootstrap
        self._http = http
        self._speaker = Speaker(controller, source) if controller is not None and source is not None else None
        self._log: LogInfo | None = None
        self._limits: Limits | None = None
        self._asked_limits_at = float("-inf")
        self._appender: Appender | None = None
        self._left_to_parent: list[Appender] = []
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._connecting = asyncio.Lock()

    @property
    def speaker(self) -> Speaker:
        """For whom and as whom this producer writes."""
        if self._speaker is None:
            raise Unavailable("log_not_ready")
        return self._speaker

    @property
    def limits(self) -> Limits:
        """What this producer holds itself to."""
        return self._limits or STRICTEST

    def partition(self, subject_id: bytes) -> Partition:
        """Where this person's live events go."""
        log = self._ready()
        return Partition(log.log_id, log.generation, partition_of(subject_id, log.partitions))

    async def connect(self, give_up_at: float) -> None:
        """Learns which log it is, from the API and from the log itself; nothing is written before.

        Raises ``Unavailable``, ``IntegrityViolation(log_foreign)`` when API and Kafka name different logs.
        """
        home = (asyncio.get_running_loop(), os.getpid())
        if self._home is not None and self._home[1] == home[1] and self._home[0] is not home[0]:
            raise ConfigurationError("loop_changed")
        if self._home != home:
            if self._appender is not None:
                # After a fork the parent's connections are left alone, and not closed by the collector either.
                self._left_to_parent.append(self._appender)
            appender = Appender(self._bootstrap, deadline_s=self.limits.append_seconds)
            self._home, self._appender, self._connecting = home, appender, asyncio.Lock()
        async with self._connecting:
            try:
                async with asyncio.timeout(give_up_at - time.monotonic()):
                    told = None if self._limits is not None else await self._told()
                    if self._log is None:
                        self._log = await self._found_log(told)
            except TimeoutError as error:
                raise Unavailable("log_unavailable") from error

    async def append(
        self, subject_id: bytes, make_value: Callable[[Attempt], bytes], give_up_at: float
    ) -> Appended:
        """One record, acknowledged by all in-sync replicas. Raises ``Unavailable``."""
        log, seconds = self._ready(), give_up_at - time.monotonic()
        if self._appender is None or seconds <= 0:
            raise Unavailable("log_unavailable")
        partition = partition_of(subject_id, log.partitions)
        return await self._appender.append(log.topic, partition, subject_id, make_value, timeout_s=seconds)

    async def aclose(self) -> None:
        """Waits a few seconds for acknowledgements and closes the connections of this loop and process."""
        appender, self._appender = self._appender, None
        if appender is not None and self._home == (asyncio.get_running_loop(), os.getpid()):
            await appender.close()
        self._home = None

    def _ready(self) -> LogInfo:
        if self._log is None:
            raise Unavailable("log_not_ready")
        return self._log

    async def _told(self) -> LogAnswer | None:
        """What the API says of the log, and with it the limits. None when it cannot be asked and need not be."""
        now = time.monotonic()
        if self._speaker is not None and now - self._asked_limits_at < ASK_AGAIN_SECONDS:
            return None
        self._asked_limits_at = now
        try:
            told = await self._http.log(None if self._speaker is None else LIMITS_SECONDS)
        except LedgerError as error:
            if self._speaker is None:
                raise
            _log.warning("the ledger's API does not tell how long an append may last (%s)", error.code)
            return None
        self._limits = _limits_in(told)
        if self._appender is not None:
            self._appender.hold_to(self._limits.append_seconds)
        self._speaker = self._speaker or Speaker(told.controller, told.source)
        return told

    async def _found_log(self, told: LogAnswer | None) -> LogInfo:
        assert self._speaker is not None, "who speaks is known from the caller or from the API"
        log = await read_log_info(self._bootstrap, self._speaker.controller, wait_s=LOG_WAIT_SECONDS)
        if told is not None and told.log_id != log.log_id.hex():
            detail = (
                "The API and Kafka name different logs for this controller: check LEDGER_KAFKA_BOOTSTRAP."
            )
            raise IntegrityViolation("log_foreign", detail, topic=log.topic)
        return log


def _limits_in(told: LogAnswer) -> Limits:
    """What an API says, or did always mean before it said so; never more than the ranks of the log allow."""
    return Limits(
        min(told.subject_cache_seconds or ID_LIFE_SECONDS, ID_LIFE_SECONDS),
        min(told.append_deadline_seconds or APPEND_DEADLINE_S, APPEND_DEADLINE_S),
    )
