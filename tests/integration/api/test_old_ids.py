"""races.md, D3: nothing is appended under a subject id that was looked up too long ago."""

import asyncio
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
from tests.support.api import api_under_test, new_email
from tests.support.live import Live
from tests.support.services import Stack


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


async def test_what_is_acknowledged_after_its_id_grew_old_is_said_again(stack: Stack) -> None:
    """An erasure may not have waited for it (races.md, D3); the same request again is the same act."""
    proxy, bootstrap = stack.kafka_proxy()
    try:
        handle = stack.start_api(LEDGER_KAFKA_BOOTSTRAP=bootstrap, LEDGER_SUBJECT_CACHE_SECONDS="1")
        async with api_under_test(stack, handle.url, catalogue=False) as api:
            person, no = new_email(), {"act": "withdraw", "purpose": "newsletter"}
            before = await api.act(person, no)
            assert before.status == 201, before
            proxy.stall()
            asyncio.get_running_loop().call_later(2.0, proxy.restore)
            late = await api.act(person, no, idempotency_key="k-1")
            assert (late.status, late.code, late.body["retryable"]) == (503, "subject_erased_meanwhile", True)
            again = await api.act(person, no, idempotency_key="k-1")
            assert (again.status, again.body["repeat"]) == (201, True), again
    finally:
        proxy.close()
