"""Real services for the tests: one Kafka and one Postgres for a whole test session, and processes of the ledger.

Everything lies in a folder of its own under ``.ledger/test``; a folder whose session was killed is stopped and
removed by the next session. Each test makes its own controller, so tests share the services and no data.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from ledger.cli.dev.ledger_process import LedgerProcess
from ledger.cli.dev.processes import find, tail
from ledger.cli.dev.stack import DevStack
from tests.support.tcp_proxy import TcpProxy

__all__ = ["Handle", "Stack", "fresh_state", "open_stack", "remove_killed_sessions"]

ROOT: Final = Path(__file__).resolve().parents[2]
_SESSIONS: Final = ROOT / ".ledger" / "test"


class Handle:
    """One real process of the ledger: a worker or an API."""

    def __init__(self, process: LedgerProcess) -> None:
        self.process = process
        process.begin()
        running = find(process.program())
        if running is None:
            raise AssertionError(f"{process.name} ended at once:\n{tail(process.log, 40)}")
        self.pid = running.pid

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def url(self) -> str:
        """Where its HTTP port is: the API itself, or a worker's metrics."""
        return f"http://127.0.0.1:{self.process.port}"

    @property
    def log(self) -> Path:
        return self.process.log

    def wait_ready(self) -> None:
        """Return when it says that it is ready; fail with its log when it has ended."""
        self.process.wait()

    def is_running(self) -> bool:
        """Whether the process is alive, ready or not."""
        return find(self.process.program()) is not None

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still alive."""
        if self.is_running():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """``kill -9``, and return when it is gone."""
        self.signal(signal.SIGKILL)
        self.wait_ended()

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in order, as an operator would."""
        self.thaw()
        self.process.stop()

    def wait_ended(self, seconds: float = 60) -> None:
        """Return when the process has ended, by itself or by a signal; fail after ``seconds``."""
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} still runs after {seconds:g} s:\n{tail(self.log, 40)}")
            time.sleep(0.01)


class Stack:
    """A Kafka and a Postgres with the ledger's tables and secrets, and the processes that a test starts on them."""

    def __init__(self, state: Path) -> None:
        self.dev = DevStack(state=state, quick=True)
        self.handles: list[Handle] = []
        self._counts: dict[str, int] = {}

    @property
    def state(self) -> Path:
        return self.dev.state

    @property
    def bootstrap(self) -> str:
        return self.dev.kafka.bootstrap

    @property
    def dsn(self) -> str:
        return self.dev.postgres.dsn

    @property
    def environment(self) -> dict[str, str]:
        """The ``LEDGER_`` settings of this stack, for a process or for ``settings.load(role, environment)``."""
        return self.dev.environment()

    env = environment

    async def new_controller(self, size: str = "small", catalogue: str | None = None) -> str:
        """Create a controller of a random name, with its topics and genesis; return the name.

        ``catalogue`` names a folder of ``deploy/catalogues`` that is published as its first catalogue.
        """
        from ledger.cli.controllers import create_controller

        name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
        await create_controller(name, size=size, bootstrap=self.bootstrap, dsn=self.dsn)
        if catalogue is not None:
            await self.publish(name, ROOT / "deploy" / "catalogues" / catalogue)
        return name

    async def publish(self, controller: str, folder: Path) -> None:
        """Publish the catalogue in ``folder`` for ``controller``."""
        from ledger.cli.catalogue import publish_catalogue

        await publish_catalogue(controller, folder, bootstrap=self.bootstrap)

    def start_fold(self, *, wait: bool = True, **environment: str) -> Handle:
        """Start a fold worker; ``environment`` overrides settings. Ended with the test that started it.

        ``LEDGER_FOLD_CONTROLLERS=name`` keeps it, and its consumer group, to the test's own controller.
        """
        return self._begin(self.dev.worker("fold", self._name("fold"), **environment), wait=wait)

    def start_reactions(self, *, wait: bool = True, **environment: str) -> Handle:
        """Start a reactions worker; ``environment`` overrides settings."""
        return self._begin(self.dev.worker("reactions", self._name("reactions"), **environment), wait=wait)

    def start_api(self, *, wait: bool = True, **environment: str) -> Handle:
        """Start an API process on a port of its own; its address is the handle's ``url``."""
        return self._begin(self.dev.api(self._name("api"), **environment), wait=wait)

    def kafka_proxy(self) -> tuple[TcpProxy, str]:
        """A proxy on the way to Kafka, and the bootstrap address of clients that go through it, also after metadata.

        One at a time per stack; the caller closes it.
        """
        target, port = self.dev.kafka.detour
        return TcpProxy(target, port), f"127.0.0.1:{port}"

    def postgres_proxy(self) -> tuple[TcpProxy, str]:
        """A proxy on the way to Postgres, and the DSN of clients that go through it. The caller closes it."""
        proxy = TcpProxy(self.dev.postgres.socket)
        return proxy, f"postgresql://ledger@127.0.0.1:{proxy.port}/ledger"

    def end_since(self, count: int) -> None:
        """End every process started after the first ``count``."""
        for handle in reversed(self.handles[count:]):
            handle.stop()
        del self.handles[count:]

    def logs(self) -> Iterator[tuple[str, str]]:
        """(name, last log lines) of every process that runs or was started by the test at hand, and of the services."""
        for handle in self.handles:
            yield handle.name, tail(handle.log, 60)
        for name in ("kafka", "postgres"):
            yield name, tail(self.state / "logs" / f"{name}.log", 20)

    def _begin(self, process: LedgerProcess, *, wait: bool) -> Handle:
        handle = Handle(process)
        self.handles.append(handle)
        if wait:
            handle.wait_ready()
        return handle

    def _name(self, kind: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}-{self._counts[kind]}"


@contextlib.contextmanager
def fresh_state() -> Iterator[Path]:
    """A new state folder; whatever runs in it is ended at the end, and the folder removed."""
    _SESSIONS.mkdir(parents=True, exist_ok=True)
    state = _SESSIONS / f"{os.getpid()}-{secrets.token_hex(3)}"
    state.mkdir()
    with _held(state):
        try:
            yield state
        finally:
            DevStack(state=state, quick=True).stop_all()
            shutil.rmtree(state, ignore_errors=True)


@contextlib.contextmanager
def open_stack() -> Iterator[Stack]:
    """A stack of one's own, in a fresh folder that is removed at the end, whatever happens."""
    with fresh_state() as state:
        stack = Stack(state)
        stack.dev.up_services()
        try:
            yield stack
        finally:
            for handle in stack.handles:
                handle.thaw()


def remove_killed_sessions() -> None:
    """Stop and remove what a killed test session has left; the folders of running sessions are locked."""
    for state in _SESSIONS.glob("*"):
        with contextlib.suppress(BlockingIOError), _held(state):
            stack = DevStack(state=state, quick=True)
            stack.stop_all()
            shutil.rmtree(state, ignore_errors=True)


@contextlib.contextmanager
def _held(state: Path) -> Iterator[IO[str]]:
    with (state / "session").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
