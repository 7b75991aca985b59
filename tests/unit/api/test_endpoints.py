"""A request that fails in a way nobody foresaw is answered, counted and logged, and shows nothing of the cause."""

import json
from typing import Any

import msgspec

from ledger.api.endpoints import Endpoint
from ledger.api.routes import ROUTES


class Broken(Endpoint):
    """Fails as a fault of the code would."""

    async def _answer(self, scope: Any, receive: Any) -> msgspec.Struct:
        raise ValueError("anna@example.se")


async def answered(endpoint: Endpoint) -> tuple[int, dict[str, Any]]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}"}

    await endpoint({"type": "http", "headers": [], "query_string": b""}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_a_fault_is_answered_as_an_internal_error_without_its_text() -> None:
    status, body = await answered(Broken(ROUTES[0], lambda: None))
    assert (status, body["code"], body["retryable"]) == (500, "internal_error", False)
    assert "anna" not in json.dumps(body)


async def test_before_postgres_was_reached_every_route_is_unavailable() -> None:
    for route in ROUTES:
        status, body = await answered(Endpoint(route, lambda: None))
        assert (status, body["code"], body["retryable"]) == (503, "postgres_unavailable", True)
