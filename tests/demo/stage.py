"""The stage: a stack of the demo's own, two companies with their catalogues, and a ledger client for each road.

Everything goes through what a user has: the `ledger` command and the SDK. The stack's state lies in `.ledger/demo`,
is deleted before and ended after, and does not touch a stack that `ledger dev up` runs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.sdk import Ledger
from tests.demo.morning import COMPANIES, Company

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".ledger" / "demo"
COMMAND = Path(sys.executable).parent / "ledger"


class Stage:
    """The running stack. ``client(company, transport)`` gives a connected ledger."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self._clients: dict[tuple[str, str], Ledger] = {}
        self._keys: dict[str, str] = {}

    def raise_curtain(self) -> None:
        """Start everything from nothing: services, controllers, keys, published catalogues."""
        self.strike()
        self.ledger("dev", "up", "--state", str(STATE))
        self.environment = _read_env(STATE / "env")
        for company in COMPANIES:
            self.ledger("catalogue", "publish", str(ROOT / "deploy" / "catalogues" / company.name))
            made = self.ledger(
                "api-keys", "create", "--controller", company.name, "--source", "demo",
                "--scope", "record", "--scope", "ask", "--scope", "read",
            )  # fmt: skip
            self._keys[company.name] = made["api_key"]

    def client(self, company: Company, transport: str = "http") -> Ledger:
        """The company's ledger over ``http`` or ``kafka``; closed with the stage."""
        if (company.name, transport) not in self._clients:
            self._clients[company.name, transport] = Ledger.connect(
                self.environment["LEDGER_URL"],
                self._keys[company.name],
                transport=transport,
                bootstrap=self.environment["LEDGER_KAFKA_BOOTSTRAP"],
            )
        return self._clients[company.name, transport]

    async def close(self) -> None:
        """Close the clients; the stack goes on."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def strike(self) -> None:
        """End and delete the demo's stack, if there is one."""
        if (STATE / "stack").exists():
            self.ledger("dev", "reset", "--state", str(STATE), "--yes")

    def ledger(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> Any:
        """Run the `ledger` command as a user would, with the stack's settings, and give what it printed as JSON."""
        done = subprocess.run(
            [COMMAND, *arguments, "--json"],
            env=_bare_environment() | self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in accept:
            raise SystemExit(f"`ledger {' '.join(arguments)}` ended with {done.returncode}: {done.stdout}")
        return json.loads(done.stdout) if done.stdout.strip() else None


def _bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}


def _read_env(path: Path) -> dict[str, str]:
    lines = (
        line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#")
    )
    return {name: value.strip("'\"") for name, value in lines}
