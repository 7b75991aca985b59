"""A TCP proxy on a loopback port that can cut, stall and restore the path to one service.

It runs a loop in a thread of its own, so that a test that blocks its own loop does not stall the path unasked.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["TcpProxy"]

_CHUNK: Final = 65_536
_CALL_SECONDS: Final = 10
_STALLED_LOOK_SECONDS: Final = 0.02


class TcpProxy:
    """Listens on ``127.0.0.1:port`` and passes every connection on to ``target`` (a port, or a unix socket's path).

    ``cut`` ends every connection with a reset and refuses new ones; ``stall`` keeps connections open and lets
    not one byte through, as a path that drops packets does; ``restore`` makes the path whole again.
    """

    def __init__(self, target: int | Path, port: int = 0) -> None:
        self.port = port
        self._target = target
        self._requests_stalled = self._answers_stalled = False
        self._server: asyncio.Server | None = None
        self._pairs: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._thread.start()
        self._call(self._listen())

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._call(self._cut())

    def stall(self, *, answers_only: bool = False) -> None:
        """Hold every byte back, in both directions; new connections are accepted and get no answer.

        With ``answers_only`` requests still reach the service, and their answers are held back.
        """
        self._requests_stalled, self._answers_stalled = not answers_only, True

    def restore(self) -> None:
        """Let bytes and new connections through again; what was stalled arrives now."""
        self._requests_stalled = self._answers_stalled = False
        if self._server is None:
            self._call(self._listen())

    def close(self) -> None:
        """End the proxy and its thread."""
        if self._loop.is_closed():
            return
        self._call(self._cut())
        self._call(self._drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_SECONDS)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._pairs):
            # A reset and not an orderly end: a cut wire says no goodbye.
            with contextlib.suppress(OSError):
                connection = writer.get_extra_info("socket")
                if connection.family != socket.AF_UNIX:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.transport.abort()

    async def _drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CALL_SECONDS)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._pairs.add(writer)
        try:
            there_reader, there_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return self._forget(task, writer)
        self._pairs.add(there_writer)
        try:
            await asyncio.gather(
                self._copy(reader, there_writer, lambda: self._requests_stalled),
                self._copy(there_reader, writer, lambda: self._answers_stalled),
            )
        finally:
            there_writer.transport.abort()
            writer.transport.abort()
            self._forget(task, writer, there_writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_stalled: Callable[[], bool]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                while is_stalled() and not writer.transport.is_closing():
                    await asyncio.sleep(_STALLED_LOOK_SECONDS)
                if (lost := reader.exception()) is not None:
                    # Its sender has reset the connection: packets that were dropped are not sent again.
                    raise lost
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof() and not writer.transport.is_closing():
                writer.write_eof()
            return
        writer.transport.abort()

    def _forget(self, task: asyncio.Task[None], *writers: asyncio.StreamWriter) -> None:
        self._tasks.discard(task)
        self._pairs.difference_update(writers)
