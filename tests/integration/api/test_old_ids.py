"""races.md, D3: nothing is appended under a subject id that was looked up too long ago."""

import secrets
from typing import Any

import pytest

from ledger.api.appending import LogWriter, Pending
from ledger.api.logs import Log, LogEnds
from ledger.domain.events import ConsentWithdrawn, Envelope, Scope
from ledger.errors import Unavailable
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.log_info import read_log_info
from ledger.event_log.producer import Appender
from ledger.event_log.scanning import bounds_of
from tests.support.live import Live


def withdrawal(controller: str) -> Pending:
    """An event to be."""
    envelope = Envelope(
        event_id=secrets.token_bytes(16),
        act_id=secrets.token_bytes(16),
        controller=controller,
        source="tests",
    )
    return Pending("ConsentWithdrawn", lambda _: ConsentWithdrawn(envelope=envelope, scope=Scope()))


async def test_an_id_that_grew_old_while_the_request_took_its_time_is_not_written_under(live: Live) -> None:
    controller, bootstrap = await live.stack.new_controller(size="small"), live.stack.bootstrap
    info = await read_log_info(bootstrap, controller, wait_s=10)
    log, subject_id = Log(controller, info.log_id, info.generation, 1), secrets.token_bytes(16)
    writer = LogWriter(Appender(bootstrap), bootstrap, LogEnds(bootstrap))

    async def append(use_until: float) -> Any:
        return await writer.append(log, subject_id, [withdrawal(controller)], use_until=use_until)

    try:
        with pytest.raises(Unavailable) as raised:
            await append(seconds_since_boot() - 0.1)
        assert (raised.value.code, raised.value.retryable) == ("log_unavailable", True)
        assert await bounds_of(bootstrap, log.topic(), 0) == (0, 1)
        (appended,) = await append(seconds_since_boot() + 60)
        assert appended.offset == 1
    finally:
        await writer.aclose()
