"""The page that the demo writes as the day goes: what a newcomer should see, on standard output."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.demo.bad_input import Attempt
from tests.demo.lists import Imported
from tests.demo.telling import Story

INTRODUCTION: Final = """
[bold]A business day of five companies[/bold]

People say yes and no to what MilkingCloud, Klingit, Webbhotellet, Omilon and Leetcom may do with their data, and
some ask to be forgotten. Each act is one or more immutable events on a Kafka log; a worker folds the log into
Postgres; other systems are told to erase, and answer. Every answer below was asked of the running ledger, and what it
must be was worked out separately by tests/demo/expected.py, which shares no rule with the product. The hours are a
story; every figure is measured in this run.
"""


class Page:
    """Writes text and tables to standard output. ``good`` is false as soon as one thing is not as expected."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, width=118)
        self.good = True

    def introduce(self) -> None:
        self._console.print(INTRODUCTION)

    def hour(self, hour: str, what: str) -> None:
        self._console.rule(f"[bold]{hour}[/bold]  {what}", align="left", characters="─")

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=False)

    def shown(self, text: str) -> None:
        """What a command printed, as it stands."""
        self._console.print(text.rstrip(), markup=False, style="dim", soft_wrap=True)

    def check(self, what: str, found: object, expected: object) -> None:
        """One thing that was looked at, beside what it must be."""
        right = found == expected
        self.good = self.good and right
        mark = "[green]✓[/green]" if right else "[bold red]✗[/bold red]"
        told = f"{_words(found)}" if right else f"[red]{_words(found)}[/red], expected {_words(expected)}"
        self._console.print(f"  {mark} {what}: {told}")

    def stories(self, stories: Iterable[Story]) -> None:
        for story in stories:
            self.good = self.good and story.as_expected
            title = f"{story.person} and {story.company.title}: may they use the data for {story.about}?"
            table = self._table(title, ("what happens", 5), ("before", 3), ("after", 3))
            table.add_column("checkable after", justify="right", ratio=2)
            for step in story.steps:
                right = step.after == step.expected
                after = step.after if right else f"[red]{step.after}[/red], expected {step.expected}"
                table.add_row(step.said, step.before, after, _delay(step.delay_ms))
            self._console.print(table)

    def attempts(self, attempts: list[Attempt]) -> None:
        title = "Bad input: a yes with a defect is refused, a no is never lost for a side reason"
        table = self._table(title, ("what came in", 1), ("what became of it", 1))
        for attempt in attempts:
            right = attempt.outcome == attempt.expected
            self.good = self.good and right
            outcome = attempt.outcome if right else f"[red]{attempt.outcome}[/red], expected {attempt.expected}"
            table.add_row(attempt.said, outcome)
        self._console.print(table)

    def lists(self, lists: list[Imported]) -> None:
        title = "What the lists hold, counted by the ledger and beside that by the plan"
        table = self._table(title, ("company", 3))
        kinds = list(lists[0].expected)
        for head in ("lines", *kinds, "lines/s"):
            table.add_column(head, justify="right", ratio=2)
        for one in lists:
            self.good = self.good and one.as_expected
            counts = [
                f"{one.found[kind]:,}" if one.found[kind] == one.expected[kind]
                else f"[red]{one.found[kind]:,}[/red], not {one.expected[kind]:,}"
                for kind in kinds
            ]  # fmt: skip
            table.add_row(one.company.title, f"{one.lines:,}", *counts, f"{one.lines / one.seconds:,.0f}")
        self._console.print(table)

    def rows(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
        table.add_column("what")
        table.add_column("how many", justify="right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def pages(self, title: str, paths: Iterable[Path], root: Path) -> None:
        self._console.print(title)
        for path in paths:
            self._console.print(f"  {path.relative_to(root)}")

    def wrong_answers(self, wrong: list[tuple[tuple, bool, bool]]) -> None:
        words = {True: "allow", False: "deny"}
        for (person, purpose, channel), expected, given in wrong[:20]:
            said = f"{person} {purpose} {channel or ''}: expected {words[expected]}, the ledger says {words[given]}"
            self._console.print(f"[red]{said}[/red]")

    def close(self) -> None:
        self._console.print(
            "[bold green]Everything is as expected.[/bold green]"
            if self.good
            else "[bold red]Something differs from what was expected: see above.[/bold red]"
        )

    @staticmethod
    def _table(title: str, *columns: tuple[str, int]) -> Table:
        table = Table(title=title, title_justify="left", title_style="bold", expand=True)
        for head, ratio in columns:
            table.add_column(head, ratio=ratio)
        return table


def _delay(ms: float | None) -> str:
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 1_000 else f"{ms / 1000:.1f} s"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, set | tuple | list):
        return ", ".join(map(str, sorted(value))) or "none"
    return str(value)
