"""One keep-alive HTTP/1.1 connection with as little of the client's own work as can be: for tests under load."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["LoadConnection"]


class LoadConnection:
    """Posts JSON and reads JSON, one request at a time. An async context manager."""

    def __init__(self, url: str, api_key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {self._host}\r\nAuthorization: Bearer {api_key}\r\n"

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def post(self, path: str, body: Any, *, idempotency_key: str | None = None) -> tuple[int, Any]:
        """Status and body of the answer."""
        content = json.dumps(body).encode()
        key = f"Idempotency-Key: {idempotency_key}\r\n" if idempotency_key else ""
        head = f"POST {path} HTTP/1.1\r\n{self._head}{key}Content-Length: {len(content)}\r\n\r\n"
        self._writer.write(head.encode() + content)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status_line, *lines = answer.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        found = await self._reader.readexactly(int(headers["content-length"]))
        return int(status_line.split(" ")[1]), json.loads(found)
