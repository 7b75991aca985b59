"""A route as an ASGI application: authenticate, check the scope, read the body, call the handler, answer.

Plain ASGI and no request object: the decision route is as fast as its read. Whatever goes wrong leaves as a problem,
and what is not an error of the ledger's own leaves no trace of its text.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ledger import log_lines, metrics
from ledger.api.bodies import convert, nearest, object_of, read_body
from ledger.api.calls import Call
from ledger.api.problems import problem_response
from ledger.api.routes import ApiRoute
from ledger.api.services import Services
from ledger.errors import Forbidden, LedgerError, Rejected, Unavailable
from ledger.event_log.clock import seconds_since_boot

__all__ = ["Endpoint", "Receive", "Scope", "Send", "header", "send_error", "send_json"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

REQUEST_TIMEOUT_SECONDS: Final = 20.0
"""The longest that any request lasts: above the longest wait for a position and the longest append together. A store
that is stalled rather than gone would otherwise hold a request for as long as its own driver waits."""

_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_encode: Final = msgspec.json.Encoder().encode
_log = log_lines.get_logger(__name__)


class Endpoint:
    """Serves one route. ``services`` gives the services, or None before Postgres was first reached."""

    def __init__(self, route: ApiRoute, services: Callable[[], Services | None]) -> None:
        self._route = route
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        try:
            answer = await self._answer_in_time(scope, receive)
            status, body, headers = self._route.status, _encode(answer), [_JSON, _NO_STORE]
        except LedgerError as error:
            status, body, headers = problem_response(error)
            if status >= 500 and not isinstance(error, Unavailable):
                _log.error(
                    "request_failed", route=self._route.path, method=self._route.method, exc_info=error
                )
        except Exception as error:  # noqa: BLE001 - answered as a problem and logged
            _log.error("request_failed", route=self._route.path, method=self._route.method, exc_info=error)
            status, body, headers = problem_response(LedgerError("internal_error"))
        await _send(send, status, body, headers)
        self._count(status, began)

    async def _answer_in_time(self, scope: Scope, receive: Receive) -> msgspec.Struct:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                return await self._answer(scope, receive)
        except TimeoutError as error:
            raise Unavailable("ledger_unavailable") from error

    async def _answer(self, scope: Scope, receive: Receive) -> msgspec.Struct:
        arrived = seconds_since_boot()
        services, route = self._services(), self._route
        if services is None:
            raise Unavailable("postgres_unavailable")
        services.vault_gate.require_open()
        holder = await services.authentication.authenticate(header(scope, b"authorization"))
        if route.scope not in holder.caller.scopes:
            raise Forbidden("scope_missing", f"The API key lacks the scope {route.scope.value}.")
        if not holder.confirmed and route.path != "/v1/decisions":
            raise Unavailable("postgres_unavailable")
        with services.vault_gate.passed(holder.caller.controller_id):
            return await route.handler(
                Call(
                    services=services,
                    caller=holder.caller,
                    confirmed=holder.confirmed,
                    body=await self._body(scope, receive),
                    path=scope.get("path_params", {}),
                    query=_query(scope, route.query),
                    idempotency_key=header(scope, b"idempotency-key"),
                    began=arrived,
                )
            )

    async def _body(self, scope: Scope, receive: Receive) -> Any:
        if self._route.request is None:
            return None
        declared = header(scope, b"content-length")
        body = object_of(await read_body(receive, declared, self._route.max_body_bytes))
        return body if self._route.read_raw else convert(body, self._route.request)

    def _count(self, status: int, began: float) -> None:
        route, method = self._route.path, self._route.method
        metrics.HTTP_REQUESTS.labels(route=route, method=method, status_class=f"{status // 100}xx").inc()
        metrics.HTTP_REQUEST_DURATION.labels(route=route, method=method).observe(time.perf_counter() - began)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


async def send_json(send: Send, status: int, answer: Any) -> None:
    await _send(send, status, _encode(answer), [_JSON, _NO_STORE])


async def send_error(send: Send, error: LedgerError) -> None:
    await _send(send, *problem_response(error))


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _query(scope: Scope, known: tuple[str, ...]) -> dict[str, str]:
    given = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
    for name in given:
        if name not in known:
            close = nearest(name, known)
            hint = f" Did you mean {close}?" if close else ""
            raise Rejected("field_unknown", f"The route takes no such parameter.{hint}", nearest=close)
    return given
