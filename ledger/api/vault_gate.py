"""Nothing is answered before the vault knows every erasure that is on the log.

A vault that was restored from a backup has people in it who were erased since. So each process follows the log to the
ends found at its start, from the positions that were restored with the rows (races.md, D32); in a vault that was never
restored that takes a moment, since the reactions keep it in step. A vault that is restored, or fails over to an older
copy, under a process that runs is told by its positions: they are looked at on each new connection and every second.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ledger import log_lines
from ledger.erasure.following import Follower
from ledger.erasure.restoring import Restorer
from ledger.errors import LedgerError, Unavailable
from ledger.read_model import pool
from ledger.vault.followed_positions import FollowedPositions

__all__ = ["VaultGate"]

AGAIN_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
CODE: Final = "vault_catching_up"

_log = log_lines.get_logger(__name__)


class VaultGate:
    """Closed until the vault has caught up, and again from when it is found taken back until it has caught up anew.

    ``followed`` looks at each new connection of the pool ``vault``. A controller whose log cannot be followed stays
    out; nobody can know whom of its people the vault should not have.
    """

    def __init__(self, bootstrap: str, vault: Any, connections: Any, followed: FollowedPositions) -> None:
        self._closed_to: dict[int, str] = {}
        self._bootstrap = bootstrap
        self._vault = vault
        self._connections = connections
        self._followed = followed
        self._restorer = Restorer(vault)
        self._caught_up_after: int | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the vault has caught up since it was last taken back."""
        return self._caught_up_after == self._followed.times_taken_back

    def start(self) -> None:
        """Begins to catch up in the background."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="vault-gate")

    def require_open(self, controller_id: int | None = None) -> None:
        """Returns once the vault has caught up; raises ``Unavailable(vault_catching_up)`` before.

        And for a controller whose log was not to be followed.
        """
        if not self.is_open or controller_id in self._closed_to:
            raise Unavailable(CODE, cause=self._closed_to.get(controller_id or 0))

    @contextmanager
    def passed(self, controller_id: int) -> Iterator[None]:
        """A block that may answer from the vault: raises as :meth:`require_open`, also at its end.

        Then the vault was taken back meanwhile, and nobody knows which of its states the answer or the refusal is from.
        """
        self.require_open(controller_id)
        taken_back = self._followed.times_taken_back
        try:
            yield
        except LedgerError as error:
            if self._followed.times_taken_back != taken_back:
                raise Unavailable(CODE) from error
            raise
        if self._followed.times_taken_back != taken_back:
            raise Unavailable(CODE)

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=3)

    async def _run(self) -> None:
        while True:
            try:
                if self.is_open:
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    await self._catch_up()
                # What the reactions have followed since is seen too; without it an old copy could look new.
                async with pool.borrowed(self._vault) as connection:
                    await self._followed.look(connection)
            except LedgerError as error:
                _log.warning("vault_waits", code=error.code)
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception as error:  # noqa: BLE001 - a gate that nobody minds would stay open
                _log.error("vault_gate_failed", exc_info=error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _catch_up(self) -> None:
        taken_back = self._followed.times_taken_back
        if taken_back:
            _log.warning("vault_was_taken_back", times=taken_back)
            # Connections of before may still lead to another copy.
            await self._vault.expire_connections()
        async with Follower(self._bootstrap, self._vault, self._connections, self._restorer) as follower:
            await follower.catch_up()
            self._closed_to = follower.broken
        self._caught_up_after = taken_back
