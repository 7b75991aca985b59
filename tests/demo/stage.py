"""The stage: a stack of the demo's own, five companies with their catalogues, and a ledger client for each road.

Everything goes through what a user has: the `ledger` command, the SDK, and the stack of `ledger dev`. Its state lies in
`.ledger/demo`, is deleted before and ended after, and does not touch a stack that `ledger dev up` runs. What the day
leaves to look at (pages, exports, lists) lies in `.ledger/demo/day` and stays until the next run.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from ledger.cli.dev.processes import find
from ledger.cli.dev.stack import DevStack
from ledger.sdk import Ledger, email
from tests.demo.companies import COMPANIES, Company

ROOT: Final = Path(__file__).resolve().parents[2]
STATE: Final = ROOT / ".ledger" / "demo"
DAY: Final = STATE / "day"
COMMAND: Final = Path(sys.executable).parent / "ledger"
SCOPES: Final = ("record", "ask", "read", "requests")

SHORT_WAITS: Final = {
    # Shorter would be allowed, but on a busy machine an act could outlive them, and be sent again and again.
    "LEDGER_SUBJECT_CACHE_SECONDS": "5",
    "LEDGER_APPEND_DEADLINE_SECONDS": "5",
    "LEDGER_SETTLE_MARGIN_SECONDS": "1",
}
"""An erasure waits for caches and appends to run out: two minutes as shipped, eleven seconds here."""


class Stage:
    """The running stack. ``client(company, transport)`` gives a connected ledger."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self._stack = DevStack(state=STATE, extra=SHORT_WAITS)
        self._clients: dict[tuple[str, str], Ledger] = {}
        self._keys: dict[str, str] = {}
        self._holders: list[subprocess.Popen[bytes]] = []

    @property
    def bootstrap(self) -> str:
        return self.environment["LEDGER_KAFKA_BOOTSTRAP"]

    @property
    def dsn(self) -> str:
        return self.environment["LEDGER_POSTGRES_DSN"]

    def raise_curtain(self) -> None:
        """Start everything from nothing: services, controllers with their catalogues in force, keys."""
        self.strike()
        shutil.rmtree(DAY, ignore_errors=True)
        self._stack.up()
        DAY.mkdir()
        self.environment = self._stack.environment()
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        made = self.ledger_each(
            [("api-keys", "create", "--controller", company.name, "--source", "demo", *scopes) for company in COMPANIES]
        )
        self._keys = {company.name: key["api_key"] for company, key in zip(COMPANIES, made, strict=True)}

    def client(self, company: Company, transport: str = "http") -> Ledger:
        """The company's ledger over ``http`` or ``kafka``; closed with the stage."""
        if (company.name, transport) not in self._clients:
            self._clients[company.name, transport] = Ledger.connect(
                self.environment["LEDGER_URL"],
                self._keys[company.name],
                transport=transport,  # type: ignore[arg-type]  # one of the two that the plan draws
                bootstrap=self.bootstrap,
            )
        return self._clients[company.name, transport]

    async def wait_until_open(self) -> None:
        """Return when every company's ledger answers, with a catalogue in force and a fold that is not behind."""
        for company in COMPANIES:
            form = company.newsletter
            about = {"purpose": form.purposes[0], "channel": form.channel}
            while (await self.client(company).check(email("nobody@example.se"), **about)).reason != "subject_unknown":
                await asyncio.sleep(0.1)

    def kill(self, projection: str) -> int:
        """`kill -9` of a worker; gives its process id."""
        running = find(self._stack.worker(projection).program())
        assert running is not None, f"the {projection} worker does not run"
        os.kill(running.pid, signal.SIGKILL)
        return running.pid

    def mend(self) -> None:
        """`ledger dev up`, which starts what does not run."""
        self._stack.up()

    def start_holders(self, *names: str) -> None:
        """A process with these holders in it, as ``company:holder``; ended with the stage."""
        with (DAY / "holders.log").open("ab") as log:
            arguments = [sys.executable, "-m", "tests.demo.holding", str(DAY), self.bootstrap, self.dsn, *names]
            self._holders.append(
                subprocess.Popen(arguments, cwd=ROOT, env=_bare_environment(), stdout=log, stderr=log)
            )

    async def close(self) -> None:
        """Close the clients and end the holders; the stack goes on."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()
        self.end_holders()

    def end_holders(self) -> None:
        """End the holders' processes, those that do not listen by force."""
        holders, self._holders = self._holders, []
        for process in holders:
            process.terminate()
        for process in holders:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def strike(self) -> None:
        """End and delete the demo's stack, if there is one."""
        self.end_holders()
        if (STATE / "stack").exists():
            self._stack.reset()

    def ledger(self, *arguments: str, accept: tuple[int, ...] = (0,), typed: str = "") -> Any:
        """Run the `ledger` command as a user would, with the stack's settings, and give what it printed as JSON."""
        said = self.shown(*arguments, "--json", accept=accept, typed=typed)
        return json.loads(said) if said.strip() else None

    def shown(self, *arguments: str, accept: tuple[int, ...] = (0,), typed: str = "") -> str:
        """The same, as text. ``typed`` is its standard input; what it says on standard error is kept for a failure."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=_bare_environment() | self.environment,
            cwd=ROOT,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in accept:
            raise SystemExit(
                f"`ledger {' '.join(arguments)}` ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done.stdout

    def ledger_each(self, commands: list[tuple[str, ...]]) -> list[Any]:
        """Several commands, two at a time, as there are two cores."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda arguments: self.ledger(*arguments), commands))


@contextlib.contextmanager
def struck_afterwards(*, keep: bool) -> Iterator[Stage]:
    """A stage that is struck when the block ends, however it ends."""
    stage = Stage()
    try:
        yield stage
    finally:
        if keep:
            stage.end_holders()
            print("The stack goes on; end it with: ledger dev down --state .ledger/demo", file=sys.stderr)
        else:
            stage.strike()


def _bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
