"""A bar with the rate on standard error, for commands that go through many records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ledger.cli.output import progress

__all__ = ["Advance", "record_bar", "told_once"]

Advance = Callable[[int, int], None]
"""Called with (records done, records in all)."""


@contextmanager
def record_bar(title: str) -> Iterator[Advance]:
    """Shows how far it is; what it yields is called with (records done, records in all)."""
    columns = (
        TextColumn(title),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, rate="")

        def advance(done: int, total: int) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f} records/s" if speed else "")

        yield advance


def told_once(did: str) -> Callable[[str, int, int], None]:
    """For commands over several logs: a line for each, once it is done."""
    told: set[str] = set()

    def advance(controller: str, done: int, total: int) -> None:
        if done == total and controller not in told:
            told.add(controller)
            progress(f"{did} the log of {controller}: {total:,} records")

    return advance
