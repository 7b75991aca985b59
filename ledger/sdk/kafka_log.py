"""A direct producer's connection to its controller's log: which log it is, as whom it writes, and the appender."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

from ledger.errors import ConfigurationError, IntegrityViolation, Unavailable
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appended, Appender, Attempt
from ledger.sdk.direct import Partition, Speaker
from ledger.sdk.http_transport import HttpTransport

__all__ = ["KafkaLog"]

LOG_WAIT_SECONDS: Final = 5.0
"""How long the first act waits for a log that is just being made."""


class KafkaLog:
    """Connects at the first act, and belongs to the event loop and process of that act."""

    def __init__(
        self, bootstrap: str, http: HttpTransport, controller: str | None, source: str | None
    ) -> None:
        self._bootstrap = bootstrap
        self._http = http
        self._speaker = Speaker(controller, source) if controller is not None and source is not None else None
        self._log: LogInfo | None = None
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
            self._home, self._appender, self._connecting = home, Appender(self._bootstrap), asyncio.Lock()
        async with self._connecting:
            if self._log is None:
                try:
                    async with asyncio.timeout(give_up_at - time.monotonic()):
                        self._log = await self._found_log()
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

    async def _found_log(self) -> LogInfo:
        told = None
        if self._speaker is None:
            told = await self._http.log()
            self._speaker = Speaker(told.controller, told.source)
        log = await read_log_info(self._bootstrap, self._speaker.controller, wait_s=LOG_WAIT_SECONDS)
        if told is not None and told.log_id != log.log_id.hex():
            detail = (
                "The API and Kafka name different logs for this controller: check LEDGER_KAFKA_BOOTSTRAP."
            )
            raise IntegrityViolation("log_foreign", detail, topic=log.topic)
        return log
