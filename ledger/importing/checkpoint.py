"""How far an import has come, in a small file beside the list: no address stands in it, and it is replaced whole.

A killed import goes on behind the last batch that was acknowledged in full; what was appended beyond that is appended
again under the same event ids, and counts once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from ledger.domain.envelope import Lane
from ledger.domain.positions import Position, PositionEntry
from ledger.errors import Conflict, Rejected, Unavailable

__all__ = ["Checkpoint", "CheckpointFile", "Pass"]

Pass = Literal["noes", "yeses", "done"]
FORMAT: Final = 1
FILE_NAME: Final = "checkpoint.json"
LOCK_NAME: Final = "lock"


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """How far one partition of one lane is written."""

    lane: Lane
    partition: int
    next_offset: int
    stamp_ms: int


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` is the last line of the pass whose batch is acknowledged; the counts are of events acknowledged."""

    format: int = FORMAT
    controller: str
    log_id: str
    generation: int
    file_digest: str
    plan_digest: str
    at: Pass = "noes"
    line: int = 0
    unsubscribes: int = 0
    grants: int = 0
    left_out: dict[str, int] = {}
    reached: tuple[Reached, ...] = ()

    def position(self, *lanes: Lane) -> Position:
        """How far the log must be folded until all of these lanes that was acknowledged so far counts."""
        return Position.of(
            *(
                PositionEntry(
                    log_id=bytes.fromhex(self.log_id),
                    generation=self.generation,
                    lane=place.lane,
                    partition=place.partition,
                    next_offset=place.next_offset,
                    stamp_ms=place.stamp_ms,
                )
                for place in self.reached
                if place.lane in lanes
            )
        )

    def with_position(self, position: Position) -> "Checkpoint":
        """The same, having reached ``position`` as well."""
        entries = self.position(Lane.LIVE, Lane.BACKFILL).merge(position).entries
        reached = tuple(
            Reached(lane=e.lane, partition=e.partition, next_offset=e.next_offset, stamp_ms=e.stamp_ms) for e in entries
        )
        return msgspec.structs.replace(self, reached=reached)


class CheckpointFile:
    """The folder of an import's state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder, made if there is none and held against a second import for the length of the block.

        Raises ``Unavailable(import_running)``, ``Rejected(state_unwritable)``.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self._folder / LOCK_NAME).open("w")
        except OSError as error:
            raise _unwritable(error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Unavailable("import_running") from error
            yield

    def read(self) -> Checkpoint | None:
        """What the last run left. Raises ``Rejected(state_malformed)`` for what none of ours has written."""
        try:
            written = (self._folder / FILE_NAME).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unwritable(error) from error
        try:
            found = msgspec.json.decode(written, type=Checkpoint)
        except msgspec.MsgspecError as error:
            raise Rejected("state_malformed") from error
        if found.format != FORMAT:
            raise Rejected("state_malformed")
        return found

    def write(self, checkpoint: Checkpoint) -> None:
        """Replaces the file in one step; durable on return."""
        draft = self._folder / f".{FILE_NAME}.{os.getpid()}"
        try:
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(checkpoint))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._folder / FILE_NAME)
        except OSError as error:
            raise _unwritable(error) from error

    def start(self, fresh: Checkpoint, *, restart: bool) -> Checkpoint:
        """Where to go on: at the start, or where an import of the same file in the same way broke off.

        Raises ``Conflict`` (``file_changed``, ``import_changed``) when the one that broke off was another.
        """
        found = None if restart else self.read()
        if found is None or found.at == "done":
            return fresh
        if found.file_digest != fresh.file_digest:
            raise Conflict("file_changed")
        same = (fresh.controller, fresh.log_id, fresh.generation, fresh.plan_digest)
        if (found.controller, found.log_id, found.generation, found.plan_digest) != same:
            raise Conflict("import_changed")
        return found


def _unwritable(error: OSError) -> Rejected:
    return Rejected("state_unwritable", f"The folder of the import's state cannot be used: {error.strerror}.")
