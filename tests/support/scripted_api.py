"""An HTTP server that answers what a test says, one answer after the other: for what a sound API never does."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

__all__ = ["CLOSE", "HANG", "Answer", "Received", "ScriptedApi", "scripted_api"]


class Answer(NamedTuple):
    """One answer. ``status`` 0 says nothing at all: see :data:`HANG` and :data:`CLOSE`."""

    status: int
    body: object = None
    headers: Mapping[str, str] = {}
    closes: bool = False


HANG = Answer(0)
"""Takes the request and never answers."""
CLOSE = Answer(0, closes=True)
"""Takes the request and hangs up, as a server that is killed in the middle."""


class Received(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class ScriptedApi:
    """Answers from the list of the path, or from the common one; the last answer of a list is repeated."""

    def __init__(self, answers: list[Answer], routes: Mapping[str, list[Answer]]) -> None:
        self.received: list[Received] = []
        self.url = ""
        self._answers = answers
        self._routes = routes
        self._over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept open between requests."""
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                answers = self._routes.get(request.path, self._answers)
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if answer.closes:
                    return
                if answer.status == 0:
                    await self._over.wait()
                    return
                writer.write(_written(answer))
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    def end(self) -> None:
        """Lets hanging requests go."""
        self._over.set()


@contextlib.asynccontextmanager
async def scripted_api(*answers: Answer, **routes: list[Answer]) -> AsyncIterator[ScriptedApi]:
    """A server on a free port of the loopback. ``catalogue=[...]`` are the answers of the path that ends so."""
    paths = {"catalogue": "/v1/catalogue", "resolve": "/v1/subjects/resolve", "log": "/v1/log"}
    api = ScriptedApi(list(answers), {paths[name]: list(found) for name, found in routes.items()})
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield api
    finally:
        api.end()
        server.close()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ")
    return Received(method, path, headers, json.loads(raw) if raw else None)


def _written(answer: Answer) -> bytes:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    headers = {"Content-Length": str(len(body)), **answer.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} Scripted\r\n{lines}\r\n".encode() + body
