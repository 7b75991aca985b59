"""The async ledger: what an integrator's service holds one of in each event loop."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec

from ledger.domain.decision import Decision
from ledger.errors import ConfigurationError, LedgerError
from ledger.sdk.answers import Ask, HistoryPage, Link, Saved, Standing
from ledger.sdk.asking import Asking
from ledger.sdk.linking import Linking
from ledger.sdk.pending import Pending
from ledger.sdk.people import Person
from ledger.sdk.recording import Recording
from ledger.sdk.requesting import Requesting
from ledger.sdk.rights_requests import ErasureTerms, RequestsPage, RightsRequest
from ledger.sdk.statements import Statement
from ledger.sdk.transport import Transport
from ledger.sdk.turns import FirstCalls, Turns

__all__ = ["Ledger", "TransportName", "transport_to"]

TransportName = Literal["http", "kafka"]

FLUSH_SECONDS: Final = 5.0
"""How long closing waits for acts that are under way."""

_log = logging.getLogger(__name__)


class Ledger(
    Recording[Coroutine[Any, Any, Saved]],
    Asking[
        Pending[Decision],
        Pending[list[Decision]],
        Coroutine[Any, Any, Standing],
        Coroutine[Any, Any, HistoryPage],
    ],
    Requesting[Coroutine[Any, Any, RightsRequest], Coroutine[Any, Any, RequestsPage]],
    Linking[Coroutine[Any, Any, Link]],
):
    """Records acts, asks for decisions and follows rights requests. Use it as ``async with Ledger.connect() as ledger``.

    Safe for any number of tasks of one event loop; one person's acts are sent in the order of the calls. A decision
    that was not awaited raises ``NotAwaited`` when it is tested.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._turns = Turns()
        self._first_calls = FirstCalls()
        self._acts_under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        api_key: str | None = None,
        *,
        transport: TransportName = "http",
        bootstrap: str | None = None,
        controller: str | None = None,
        source: str | None = None,
    ) -> "Ledger":
        """A ledger that connects at its first call. What is left out comes from LEDGER_URL, LEDGER_API_KEY (or
        LEDGER_API_KEY_FILE) and LEDGER_KAFKA_BOOTSTRAP.

        ``transport="kafka"`` appends to the log directly, for volume and for callers that hold subject ids; it asks
        over HTTP. ``controller`` and ``source`` let it record while the API is down; else the API tells them.
        Raises ``ConfigurationError``.
        """
        return cls(transport_to(url, api_key, transport, bootstrap, controller, source))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Waits up to five seconds for the answers to acts that are under way, and closes the connections."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("closed with %d acts under way, whose callers have no answer", self._acts_under_way)
        await self._transport.aclose()

    async def _record(self, statement: Statement) -> Saved:
        self._acts_under_way += 1
        self._idle.clear()
        try:
            return await self._record_in_turn(statement)
        finally:
            self._acts_under_way -= 1
            if self._acts_under_way == 0:
                self._idle.set()

    async def _record_in_turn(self, statement: Statement) -> Saved:
        async with self._turns.of(statement.person):
            if statement.waited_ms is not None:
                first = self._first_calls.of(statement.key, statement.called_at - statement.waited_ms / 1000)
                statement = msgspec.structs.replace(statement, called_at=first, waited_ms=0)
            try:
                saved = await self._transport.record(statement)
            except LedgerError as error:
                error.context["idempotency_key"] = statement.key
                if not error.retryable:
                    self._first_calls.settle(statement.key)
                raise
            self._first_calls.settle(statement.key)
            return saved

    def _check(
        self, ask: Ask, at_least: str | None, wait_ms: int | None, *, require: bool
    ) -> Pending[Decision]:
        async def answer() -> Decision:
            (decision,) = await self._transport.decide([ask], at_least, wait_ms)
            return decision.require() if require else decision

        return Pending("require" if require else "check", answer)

    def _check_many(
        self, asks: Sequence[Ask], at_least: str | None, wait_ms: int | None
    ) -> Pending[list[Decision]]:
        return Pending("check_many", lambda: self._transport.decide(asks, at_least, wait_ms))

    async def _standing(self, person: Person) -> Standing:
        return await self._transport.standing(person)

    async def _history(self, person: Person, cursor: str | None) -> HistoryPage:
        return await self._transport.history(person, cursor)

    async def _link(self, person: Person, other: Person) -> Link:
        return await self._transport.link(person, other)

    async def _request(self, terms: ErasureTerms) -> RightsRequest:
        try:
            return await self._transport.request_erasure(terms)
        except LedgerError as error:
            error.context["request_id"] = terms.request_id.hex()
            raise

    async def _prove(self, request_id: bytes) -> RightsRequest:
        return await self._transport.prove_identity(request_id)

    async def _show_request(self, request_id: bytes) -> RightsRequest:
        return await self._transport.rights_request(request_id)

    async def _list_requests(
        self, state: str | None, overdue: bool | None, cursor: str | None
    ) -> RequestsPage:
        return await self._transport.rights_requests(state, overdue, cursor)


def transport_to(
    url: str | None,
    api_key: str | None,
    transport: str,
    bootstrap: str | None,
    controller: str | None,
    source: str | None,
) -> Transport:
    """The transport for what the caller gave and the settings hold; raises ``ConfigurationError``."""
    # Imported here: settings and transports are not needed by a process that only imports the names.
    from ledger import settings
    from ledger.sdk.http_transport import HttpTransport

    if transport not in ("http", "kafka"):
        raise ConfigurationError(
            "setting_invalid", f"transport must be 'http' or 'kafka', not {transport!r}."
        )
    given = settings.ClientSettings(url=url, api_key=api_key, kafka_bootstrap=bootstrap)
    if None in (url, api_key) or (transport == "kafka" and bootstrap is None):
        held = settings.load(settings.ClientSettings)
        given = settings.ClientSettings(
            url=url or held.url,
            api_key=api_key or held.api_key,
            kafka_bootstrap=bootstrap or held.kafka_bootstrap,
        )
    http = HttpTransport(
        _required(given.url, "LEDGER_URL", "url"), _required(given.api_key, "LEDGER_API_KEY", "api_key")
    )
    if transport == "http":
        return http
    try:
        from ledger.sdk.kafka_transport import KafkaTransport
    except ModuleNotFoundError as error:
        detail = f"transport='kafka' needs {error.name}: pip install 'consent-ledger[kafka]'."
        raise ConfigurationError("part_missing", detail) from error
    return KafkaTransport(
        _required(given.kafka_bootstrap, "LEDGER_KAFKA_BOOTSTRAP", "bootstrap"), http, controller, source
    )


def _required(value: str | None, setting: str, parameter: str) -> str:
    if value is None:
        detail = f"{setting} is not set and {parameter}= was not given to connect()."
        raise ConfigurationError("setting_missing", detail, setting=setting)
    return value
