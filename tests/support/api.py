"""A controller with keys and a catalogue, seen through a real API as any HTTP client sees it."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2

from ledger.api import keys
from ledger.domain.catalogue import Catalogue, canonical_document
from ledger.event_log.catalogue_log import write_version
from ledger.read_model import pool
from tests.support.catalogue import LONG_AGO_MS, small_catalogue

if TYPE_CHECKING:
    from tests.support.services import Stack

__all__ = ["ALL_SCOPES", "Answer", "ApiUnderTest", "api_under_test", "new_email", "until"]

DEADLINE_SECONDS = 60.0
"""After which a test gives up; nothing is asserted to be fast."""
ALL_SCOPES = ("record", "ask", "read")


class Answer(NamedTuple):
    """One answer over HTTP."""

    status: int
    body: Any
    headers: httpx2.Headers

    @property
    def code(self) -> str | None:
        """The error code of a problem."""
        return self.body.get("code") if isinstance(self.body, dict) else None


class ApiUnderTest:
    """One controller on a stack, asked through the API at ``url``."""

    def __init__(
        self, stack: "Stack", controller: str, url: str, key: str, client: httpx2.AsyncClient
    ) -> None:
        self.stack = stack
        self.controller = controller
        self.url = url
        self.key = key
        self._client = client

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        raw: bytes | None = None,
        headers: Mapping[Any, Any] | None = None,
    ) -> Answer:
        """One request. ``key``: another API key, None for none. ``raw``: the body as it is."""
        used = self.key if key == "" else key
        given: list[tuple[Any, Any]] = list((headers or {}).items())
        if used is not None:
            given.append((b"Authorization", f"Bearer {used}".encode()))
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        response = await self._client.request(
            method,
            self.url + path,
            content=content,
            headers=[(_bytes(name), _bytes(value)) for name, value in given],
        )
        is_json = "json" in response.headers.get("content-type", "")
        return Answer(response.status_code, response.json() if is_json else response.text, response.headers)

    async def post(self, path: str, body: Any, **options: Any) -> Answer:
        return await self.send("POST", path, body, **options)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.send("GET", path, **options)

    async def act(
        self,
        email: str,
        *acts: dict[str, Any],
        idempotency_key: str | None = None,
        key: str | None = "",
        **common: Any,
    ) -> Answer:
        """``POST /v1/acts`` about the person with this e-mail address."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}
        body = {"subject": {"email": email}, "acts": list(acts), **common}
        return await self.post("/v1/acts", body, headers=headers, key=key)

    async def grant(self, email: str, purpose: str = "newsletter", **fields: Any) -> Answer:
        """A grant with all that the small catalogue asks for."""
        common = {
            name: fields.pop(name) for name in ("seen", "occurred_at", "idempotency_key") if name in fields
        }
        channel = {"channel": "email"} if purpose == "newsletter" else {}
        act = {"act": "grant", "purpose": purpose, "notice": "signup@3", **channel, **fields}
        return await self.act(email, act, **common)

    async def check(
        self, email: str, purpose: str = "newsletter", channel: str | None = "email", **common: Any
    ) -> dict[str, Any]:
        """The answer to one question."""
        options = {"key": common.pop("key")} if "key" in common else {}
        question = {"subject": {"email": email}, "purpose": purpose, "channel": channel}
        answer = await self.post("/v1/decisions", {"questions": [question], **common}, **options)
        assert answer.status == 200, answer
        (decision,) = answer.body["answers"]
        return dict(decision)

    async def new_key(self, *scopes: str, source: str = "tests", controller: str | None = None) -> str:
        """A key with these scopes."""
        connection = await pool.connect(self.stack.dsn, application_name="tests")
        try:
            return await keys.create(
                connection, controller=controller or self.controller, source=source, scopes=scopes
            )
        finally:
            await connection.close()

    async def publish(self, catalogue: Catalogue, effective_from_ms: int = LONG_AGO_MS) -> None:
        """Put a version on the log; in force once it is folded."""
        await write_version(
            self.stack.bootstrap,
            self.controller,
            version=catalogue.version,
            effective_from_ms=effective_from_ms,
            document=canonical_document(catalogue),
        )

    async def wait_in_force(self, version: int = 1) -> None:
        """Return when the version is in force for decisions and intake, and its partitions are fresh."""
        person = new_email()
        await self.post("/v1/subjects/resolve", {"subject": {"email": person}})

        async def fresh() -> bool:
            answer = await self.check(person)
            return answer["reason"] == "no_events" and answer["catalogue_version"] == version

        await until(fresh)
        # The intake believes a version for a second.
        await asyncio.sleep(1.05)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


async def until(holds: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> None:
    """Return when ``await holds()`` is true; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds:g} s")
        await asyncio.sleep(0.05)


def new_email() -> str:
    """An address that nobody else uses."""
    return f"{secrets.token_hex(6)}@example.se"


@asynccontextmanager
async def api_under_test(
    stack: "Stack", url: str, *, size: str = "small", catalogue: bool = True
) -> AsyncIterator[ApiUnderTest]:
    """A new controller with a key of all scopes and the small catalogue in force."""
    controller = await stack.new_controller(size=size)
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        api = ApiUnderTest(stack, controller, url, "", client)
        api.key = await api.new_key(*ALL_SCOPES)
        if catalogue:
            await api.publish(small_catalogue(controller))
            await api.wait_in_force()
        yield api
