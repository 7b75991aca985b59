"""The run: every unsubscribe of the whole file is on the log before the first grant is.

Two passes over the file. A batch of lines resolves its people, appends its events and waits for every acknowledgement;
a few batches are under way at once, and the checkpoint follows those that are done, in order. Whatever breaks off, what
stands on the log is the safer half: unsubscribes without grants, never the reverse (races.md, D22).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.domain.envelope import Lane
from ledger.domain.positions import Position
from ledger.errors import Unavailable
from ledger.event_log.clock import seconds_since_boot
from ledger.event_log.producer import Appended
from ledger.importing.acts import EventMaker
from ledger.importing.answers import Line, Yes
from ledger.importing.appending import GrownOld, LogWriter, Placed
from ledger.importing.checkpoint import Checkpoint, CheckpointFile
from ledger.importing.lists import ListFile
from ledger.importing.people import People
from ledger.importing.plan import Plan

__all__ = ["Importer"]

BATCH: Final = 500
MAX_PASSED_OVER: Final = 20_000
"""Lines read without one of the pass, after which the checkpoint moves on all the same."""
UNDER_WAY: Final = 4
MAX_ROUNDS: Final = 20
"""How often the people of one batch are asked for: many, since a stack of tests lets ids live for a second."""


class _Batch(NamedTuple):
    lines: list[Line]
    last_line: int


class _LeftOut(NamedTuple):
    """A grant that is not recorded, and why."""

    line: int
    purpose: str
    code: str


_EventsOf = Callable[[Sequence[Line], set[_LeftOut]], Awaitable[list[Placed]]]


class _Done(NamedTuple):
    """What one batch came to: events acknowledged, lines left out and why, and how far the log is written."""

    events: int
    left_out: dict[str, int]
    position: Position


class Importer:
    """Writes one list to the log of its controller. ``cache_seconds``: how long a subject id may be relied on."""

    def __init__(
        self,
        list_file: ListFile,
        plan: Plan,
        people: People,
        writer: LogWriter,
        maker: EventMaker,
        state: CheckpointFile,
        *,
        cache_seconds: float,
    ) -> None:
        self._list = list_file
        self._plan = plan
        self._people = people
        self._writer = writer
        self._maker = maker
        self._state = state
        self._cache_seconds = cache_seconds

    async def run(self, checkpoint: Checkpoint, on_progress: Callable[[Checkpoint, int], None]) -> Checkpoint:
        """Appends what is left after ``checkpoint``; everything is on all in-sync replicas on return.

        Raises ``Unavailable`` (``log_unavailable``, ``postgres_unavailable``) and
        ``Conflict(file_changed_while_read)``; the checkpoint file then says how far it came.
        """
        self._on_progress = on_progress
        self._state.write(checkpoint)
        if checkpoint.at == "noes":
            checkpoint = await self._pass(checkpoint)
            checkpoint = self._save(msgspec.structs.replace(checkpoint, at="yeses", line=0))
        if checkpoint.at == "yeses":
            checkpoint = await self._pass(checkpoint)
            checkpoint = self._save(msgspec.structs.replace(checkpoint, at="done", line=0))
        return checkpoint

    async def _pass(self, checkpoint: Checkpoint) -> Checkpoint:
        """Every line of one pass, in batches whose order is kept in the checkpoint."""
        is_noes = checkpoint.at == "noes"
        self._lane = Lane.LIVE if is_noes else Lane.BACKFILL
        events_of: _EventsOf = self._noes_of if is_noes else self._yeses_of
        under_way: deque[tuple[_Batch, asyncio.Task[_Done]]] = deque()
        try:
            for batch in self._batches(checkpoint):
                under_way.append((batch, asyncio.create_task(self._record(batch.lines, events_of))))
                # Reading does not wait for anything; this is the turn in which the batches get on.
                await asyncio.sleep(0)
                if len(under_way) == UNDER_WAY:
                    checkpoint = await self._settle(checkpoint, under_way)
            while under_way:
                checkpoint = await self._settle(checkpoint, under_way)
        except asyncio.CancelledError:
            for _, task in under_way:
                task.cancel()
            raise
        finally:
            # After an error: what is under way is waited for, so that nothing is appended behind the caller's back.
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
        return checkpoint

    def _batches(self, checkpoint: Checkpoint) -> Iterator[_Batch]:
        lines: list[Line] = []
        passed_over, last = 0, checkpoint.line
        found = self._list.noes() if checkpoint.at == "noes" else _yeses(self._list)
        for number, line in found:
            if number <= checkpoint.line:
                continue
            last, passed_over = number, passed_over + 1
            if line is not None:
                lines.append(line)
            if len(lines) == BATCH or passed_over == MAX_PASSED_OVER:
                yield _Batch(lines, last)
                lines, passed_over = [], 0
        if lines:
            yield _Batch(lines, last)

    async def _settle(
        self, checkpoint: Checkpoint, under_way: deque[tuple[_Batch, "asyncio.Task[_Done]"]]
    ) -> Checkpoint:
        """The checkpoint behind the oldest batch, once that is acknowledged."""
        batch, task = under_way.popleft()
        done = await task
        left_out = dict(checkpoint.left_out)
        for code, count in done.left_out.items():
            left_out[code] = left_out.get(code, 0) + count
        counted = {"unsubscribes": checkpoint.unsubscribes + done.events} if checkpoint.at == "noes" else {
            "grants": checkpoint.grants + done.events
        }  # fmt: skip
        moved = msgspec.structs.replace(checkpoint, line=batch.last_line, left_out=left_out, **counted)
        return self._save(moved.with_position(done.position))

    def _save(self, checkpoint: Checkpoint) -> Checkpoint:
        self._state.write(checkpoint)
        self._on_progress(checkpoint, self._list.source.read_bytes)
        return checkpoint

    async def _record(self, lines: Sequence[Line], events_of: _EventsOf) -> _Done:
        """Appends what a batch becomes. Where the subject ids grow old on the way, they are asked for anew: an erasure
        does not wait longer for whoever resolved somebody before it (races.md, D3)."""
        appended: list[Appended] = []
        left_out: set[_LeftOut] = set()
        left = lines
        for _ in range(MAX_ROUNDS):
            use_until = seconds_since_boot() + self._cache_seconds
            pending = await events_of(left, left_out)
            results = await asyncio.gather(
                *(self._writer.append(one, use_until) for one in _different(pending)), return_exceptions=True
            )
            for result in results:
                if isinstance(result, Appended):
                    appended.append(result)
                elif isinstance(result, BaseException) and not isinstance(result, GrownOld):
                    raise result
            if not any(isinstance(result, GrownOld) for result in results):
                break
            old = {result.line for result in results if isinstance(result, GrownOld)}
            left = [line for line in left if line.number in old]
        else:
            raise Unavailable("log_unavailable", "Appending took so long that the subject ids grew old, again and again.")
        counts: dict[str, int] = {}
        for one in left_out:
            counts[one.code] = counts.get(one.code, 0) + 1
        return _Done(len(appended), counts, self._writer.position(self._lane, appended))

    async def _noes_of(self, lines: Sequence[Line], _: set[_LeftOut]) -> list[Placed]:
        """The unsubscribes of a batch, whatever state their people are in."""
        entries = await self._people.resolve([line.who for line in lines if line.who is not None])
        return [
            Placed(line.number, pending, is_late=not entry.is_active)
            for line, entry in zip(lines, entries, strict=True)
            if line.no is not None
            for pending in self._maker.noes(entry.subject_id, line.no, time_dropped=bool(line.dropped))
        ]

    async def _yeses_of(self, lines: Sequence[Line], left_out: set[_LeftOut]) -> list[Placed]:
        """The grants of a batch but of those who were erased, are suppressed or are being erased.

        Nobody is made known who is refused: what outlived an erasure is looked at before anybody is resolved.
        """
        wanted: list[tuple[Line, Yes, tuple[str, ...]]] = []
        kept = await self._people.kept([line.who for line in lines if line.who is not None])
        for line, match in zip(lines, kept, strict=True):
            assert line.yes is not None, "a batch of grants holds nothing else"
            bars = {purpose: self._plan.bar(match, purpose) for purpose in self._plan.purposes_of(line.yes.tags)}
            left_out |= {_LeftOut(line.number, purpose, bar) for purpose, bar in bars.items() if bar is not None}
            free = tuple(purpose for purpose, bar in bars.items() if bar is None)
            if free:
                wanted.append((line, line.yes, free))
        entries = await self._people.resolve([line.who for line, _, _ in wanted if line.who is not None])
        placed: list[Placed] = []
        for (line, yes, purposes), entry in zip(wanted, entries, strict=True):
            if entry.is_active:
                made = self._maker.yeses(entry.subject_id, yes, purposes)
                placed += [Placed(line.number, pending) for pending in made]
            else:
                left_out |= {_LeftOut(line.number, purpose, "subject_not_active") for purpose in purposes}
        return placed


def _yeses(list_file: ListFile) -> Iterator[tuple[int, Line | None]]:
    return ((line.number, line if line.yes is not None else None) for line in list_file.lines())


def _different(placed: Sequence[Placed]) -> list[Placed]:
    """Each event once: two lines that say the same of one person are one act."""
    return list({one.pending.event.envelope.event_id: one for one in placed}.values())
