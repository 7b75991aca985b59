"""Whether a vault was taken back under a process that uses it: restored in place, or failed over to an older copy.

The positions up to which the vault has followed the log only grow, unless its rows went back with them (races.md, D32).
"""

from typing import Any, Final

from ledger.read_model import sql

__all__ = ["FollowedPositions"]

_QUERIES: Final = "ledger.vault.queries"


class FollowedPositions:
    """The furthest positions of the vault that this process has seen."""

    def __init__(self) -> None:
        self._furthest: dict[tuple[bytes, int, int], int] = {}
        self.times_taken_back = 0
        """How often a look has found the vault behind what was seen before."""

    async def look(self, connection: Any) -> None:
        """Compares with the vault at the other end of this connection, by one short query."""
        # From before the query: what others see meanwhile may be newer than its answer.
        seen = self._furthest
        rows = await connection.fetch(sql.load("vault_positions", _QUERIES))
        found = {(row["log_id"], row["generation"], row["partition"]): row["next_offset"] for row in rows}
        if any(found.get(at, 0) < position for at, position in seen.items()):
            self._furthest = found
            self.times_taken_back += 1
        else:
            known = self._furthest
            self._furthest = known | {at: max(found[at], known.get(at, 0)) for at in found}
