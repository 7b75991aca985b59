"""One suite, three ledgers: in memory, over HTTP and over Kafka. Each claim is tested on all of them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from ledger.domain.catalogue import canonical_document
from ledger.sdk import Ledger, Person, email, http_transport
from ledger.sdk.client import TransportName
from ledger.sdk.testing import InMemoryLedger
from tests.support.catalogue import small_catalogue
from tests.support.live import Live

TRANSPORTS = (
    "memory",
    pytest.param("http", marks=pytest.mark.services),
    pytest.param("kafka", marks=pytest.mark.services),
)


class Real(NamedTuple):
    """A controller of its own on the real services, with the small catalogue in force."""

    name: str
    url: str
    api_key: str
    bootstrap: str


@pytest.fixture(scope="session")
async def real(live: Live) -> Real:
    """The real ledger of the session: every test brings people of its own."""
    from ledger.api import keys
    from ledger.event_log.catalogue_log import write_version
    from ledger.read_model import pool

    name = await live.stack.new_controller()
    now_ms = time.time_ns() // 1_000_000
    await write_version(
        live.stack.bootstrap,
        name,
        version=1,
        effective_from_ms=now_ms,
        document=canonical_document(small_catalogue(name)),
    )
    connection = await pool.connect(live.stack.dsn, application_name="tests", schema="control")
    try:
        key = await keys.create(connection, controller=name, source="shop", scopes=["record", "ask", "read", "requests"])
    finally:
        await connection.close()
    made = Real(name, live.url, key, live.stack.bootstrap)
    await _wait_for_catalogue(made)
    return made


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """The name of the transport under test."""
    return str(request.param)


@pytest.fixture(autouse=True)
def long_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no fault of the ledger's."""
    monkeypatch.setattr(http_transport, "ASK_SECONDS", 30.0)


@pytest.fixture
def real_or_none(transport: str, request: pytest.FixtureRequest) -> Real | None:
    """The real ledger, started only for the transports that need it."""
    return None if transport == "memory" else request.getfixturevalue("real")


@pytest.fixture
async def ledger(transport: TransportName, real_or_none: Real | None) -> AsyncIterator[Ledger]:
    """A ledger with the small catalogue in force."""
    real = real_or_none
    if real is None:
        yield InMemoryLedger(small_catalogue())
        return
    opened = Ledger.connect(real.url, real.api_key, transport=transport, bootstrap=real.bootstrap)
    async with opened as ledger:
        yield ledger


@pytest.fixture
def anna() -> Person:
    """Somebody whom no other test knows."""
    return email(f"anna-{secrets.token_hex(8)}@example.com")


@pytest.fixture
def bertil() -> Person:
    """Somebody else."""
    return email(f"bertil-{secrets.token_hex(8)}@example.com")


async def _wait_for_catalogue(real: Real) -> None:
    """The catalogue is in force once the API has learnt it from the log; until then a yes is refused."""
    from ledger.errors import Rejected

    nobody = email(f"nobody-{secrets.token_hex(8)}@example.com")
    give_up_at = time.monotonic() + 60
    async with Ledger.connect(real.url, real.api_key) as ledger:
        while True:
            try:
                saved = await ledger.grant(nobody, purpose="newsletter", channel="email", notice="signup@3")
            except Rejected as rejection:
                if rejection.code != "catalogue_missing" or time.monotonic() > give_up_at:
                    raise
            else:
                answer = await ledger.check(nobody, purpose="newsletter", channel="email", at_least=saved)
                if answer or time.monotonic() > give_up_at:
                    assert answer, answer
                    return
            await asyncio.sleep(0.1)
