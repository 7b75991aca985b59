"""What benchmarks share: seed and scale, and the real services in a folder of their own, started when first wanted.

The broker runs with the settings of ``ledger dev up`` and not with those of the tests. One run at a time in a
checkout; whatever a killed run has left is ended and removed by the next, and every run ends what it started.
"""

import asyncio
import contextlib
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, Final, Self

from ledger.api import keys
from ledger.cli.controllers import create_controller
from ledger.cli.dev.processes import only_one
from ledger.cli.dev.stack import DevStack
from ledger.domain.catalogue import canonical_document
from ledger.event_log.catalogue_log import write_version
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.read_model import pool
from tests.benchmarks.prefill import Prefilled, prefill
from tests.support.catalogue import small_catalogue
from tests.support.services import Handle, Stack

__all__ = ["ROOT", "Bench", "BenchStack"]

ROOT: Final = Path(__file__).resolve().parents[2]
SIZE: Final = "medium"
RECORDS: Final = 150_000
SUBJECTS: Final = 30_000
CATCH_UP_SECONDS: Final = 180.0
CATALOGUE_RECORDS: Final = 1
FOLDED: Final = "select coalesce(sum(next_offset - 1), 0)::bigint from position where log_id = $1"
"""Records of a log that are folded, of all its lanes, without the genesis records."""
FRESH: Final = """
select count(*) from position where log_id = $1 and lane in (0, 2) and folded_through_ms > 0
"""
"""How many partitions have an owner that has caught up with them at least once."""

_SCOPES: Final = ("record", "ask", "read")


class BenchStack(Stack):
    """Kafka and Postgres as ``ledger dev up`` runs them, and processes of the ledger on them."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.dev = DevStack(state=state)


class Bench:
    """One run. A context manager: on leaving, everything started has ended and its folder is gone."""

    def __init__(self, seed: int, scale: float) -> None:
        self.seed = seed
        self._scale = scale
        self._stack: BenchStack | None = None
        self._prefilled: Prefilled | None = None
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def scaled(self, count: int) -> int:
        """``count`` in a run of full size, fewer in a shorter one, never none."""
        return max(1, round(count * self._scale))

    def shortened(self, seconds: float) -> float:
        """``seconds`` in a run of full size or larger, fewer in a shorter one."""
        return seconds * min(1.0, self._scale)

    def start_services(self) -> None:
        """Start Kafka and Postgres, unless this run has done so already. Outside any event loop."""
        if self._stack is None:
            state = ROOT / ".ledger" / "bench"
            state.parent.mkdir(exist_ok=True)
            self._exit.enter_context(only_one(state.with_suffix(".lock")))
            stack = BenchStack(state)
            self._remove(stack)
            self._exit.callback(self._remove, stack)
            stack.dev.up_services()
            self._stack = stack

    @property
    def stack(self) -> BenchStack:
        """The services, once started."""
        if self._stack is None:
            raise RuntimeError("the services are not started")
        return self._stack

    async def prefilled(self) -> Prefilled:
        """A controller whose live topic holds a realistic load, written once per run."""
        if self._prefilled is None:
            log = await self.new_controller()
            self._prefilled = await prefill(
                self.stack.bootstrap, log, self.scaled(SUBJECTS), self.scaled(RECORDS), self.seed
            )
        return self._prefilled

    async def new_controller(self) -> LogInfo:
        """A controller of size ``medium`` with the small catalogue of the tests in force."""
        name = f"b{secrets.token_hex(2)}x{secrets.token_hex(3)}"
        bootstrap = self.stack.bootstrap
        await create_controller(name, size=SIZE, bootstrap=bootstrap, dsn=self.stack.dsn)
        catalogue = small_catalogue(name)
        await write_version(
            bootstrap,
            name,
            version=catalogue.version,
            effective_from_ms=time.time_ns() // 1_000_000,
            document=canonical_document(catalogue),
        )
        return await read_log_info(bootstrap, name)

    async def api_key(self, controller: str) -> str:
        """A key that may record, ask and read."""
        connection = await self.connect("control")
        try:
            return await keys.create(connection, controller=controller, source="bench", scopes=_SCOPES)
        finally:
            await connection.close()

    async def connect(self, schema: str) -> Any:
        """A connection of the caller's own, with ``schema`` as its search_path."""
        return await pool.connect(self.stack.dsn, application_name="bench", schema=schema)

    async def folded(self, log: LogInfo, records: int) -> Handle:
        """A running fold worker of this controller that has folded ``records`` live records and the catalogue,
        and owns every partition."""
        worker = self.stack.start_fold(LEDGER_FOLD_CONTROLLERS=log.controller)
        connection = await self.connect("read_model")
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while (
                    await connection.fetchval(FOLDED, log.log_id) < records + CATALOGUE_RECORDS
                    or await connection.fetchval(FRESH, log.log_id) < log.partitions + 1
                ):
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()
        return worker

    @staticmethod
    def _remove(stack: BenchStack) -> None:
        for handle in stack.handles:
            handle.thaw()
        stack.dev.stop_all()
        shutil.rmtree(stack.state, ignore_errors=True)
