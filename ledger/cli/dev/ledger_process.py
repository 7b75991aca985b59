"""A process of the ledger itself (worker or API) in a local stack, and how to tell that it is ready."""

import hashlib
import http.client
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from ledger.cli.dev.processes import Program, find, start, stop, wait_until

__all__ = ["LedgerProcess", "answers", "get_text"]

_READY_SECONDS: Final = 120
_PROBE_SECONDS: Final = 2


class LedgerProcess(msgspec.Struct, frozen=True, kw_only=True):
    """``ledger <arguments>`` with ``environment``. Ready when ``http://127.0.0.1:<port><path>`` says ``expects``."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    port: int
    path: str
    expects: str = ""

    def program(self) -> Program:
        """The process as a program of its own; it runs in our interpreter, so that no PATH decides which."""
        return Program(
            name=self.name,
            command=(sys.executable, "-m", "ledger.cli.main", *self.arguments),
            mark=self.folder / self.name,
            log=self.log,
            environment=self.environment,
        )

    def begin(self) -> bool:
        """Start it unless it runs with these very settings; return whether it was started now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = self.program()
        settings = self.folder / f"{self.name}.settings"
        if find(program) is not None:
            if settings.exists() and settings.read_text(encoding="ascii") == self._digest():
                return False
            stop(program)
        settings.write_text(self._digest(), encoding="ascii")
        start(program)
        return True

    def wait(self) -> None:
        """Return when it is ready, or raise :class:`Unavailable` with its last log lines."""
        wait_until(
            self.is_ready, seconds=_READY_SECONDS, what=f"{self.name} did not become ready", programs=(self.program(),)
        )

    def stop(self) -> bool:
        """Stop it in order; return whether it was running."""
        return stop(self.program())

    def is_running(self) -> bool:
        """Whether its process is alive and says that it is ready."""
        return find(self.program()) is not None and self.is_ready()

    def is_ready(self) -> bool:
        """Whether it answers its probe with what is expected."""
        text = get_text(self.port, self.path)
        return text is not None and self.expects in text

    def _digest(self) -> str:
        text = repr((self.arguments, sorted(self.environment.items())))
        return hashlib.sha256(text.encode()).hexdigest()


def answers(port: int, path: str) -> bool:
    """Whether something on the loopback ``port`` answers ``path`` with 200."""
    return get_text(port, path) is not None


def get_text(port: int, path: str) -> str | None:
    """The body of a 200 answer from the loopback ``port``, or None. Never through a proxy of the environment."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return body.decode("utf-8", "replace") if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
