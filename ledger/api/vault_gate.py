"""Nothing is answered before the vault knows every erasure that is on the log.

A vault that was restored from a backup has people in it who were erased since. So each process follows the log to the
ends found at its start, from the positions that were restored with the rows (races.md, D32); in a vault that was never
restored that takes a moment, since the reactions keep it in step.
"""

import asyncio
from typing import Any, Final

from ledger import log_lines
from ledger.erasure.destroying import Destroyer
from ledger.erasure.following import Follower
from ledger.erasure.restoring import Restorer
from ledger.erasure.settling import Settling
from ledger.errors import LedgerError, Unavailable
from ledger.read_model.reader import ViewReader
from ledger.vault.secrets import Secrets

__all__ = ["VaultGate"]

AGAIN_SECONDS: Final = 1.0
CODE: Final = "vault_catching_up"

_log = log_lines.get_logger(__name__)


class VaultGate:
    """Closed until the vault has caught up; from then on open for as long as the process lives.

    A controller whose log cannot be followed stays out; nobody can know whom of its people the vault should not have.
    """

    def __init__(
        self, bootstrap: str, vault: Any, connections: Any, reader: ViewReader, secrets: Secrets
    ) -> None:
        self.is_open = False
        self._closed_to: dict[int, str] = {}
        self._bootstrap = bootstrap
        self._vault = vault
        self._connections = connections
        settling = Settling(bootstrap, connections)
        self._restorer = Restorer(
            vault, connections, settling, Destroyer(vault, connections, reader, secrets)
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to catch up in the background."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="vault-gate")

    def require_open(self, controller_id: int | None = None) -> None:
        """Returns once the vault has caught up; raises ``Unavailable(vault_catching_up)`` before.

        And for a controller whose log was not to be followed.
        """
        if not self.is_open or controller_id in self._closed_to:
            raise Unavailable(CODE, cause=self._closed_to.get(controller_id or 0))

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=3)

    async def _run(self) -> None:
        while not self.is_open:
            try:
                async with Follower(
                    self._bootstrap, self._vault, self._connections, self._restorer
                ) as follower:
                    await follower.catch_up()
                    self._closed_to = follower.broken
                self.is_open = True
            except LedgerError as error:
                _log.warning("vault_waits", code=error.code)
                await asyncio.sleep(AGAIN_SECONDS)
