"""The page that the demo ends with: what a newcomer should see, on standard output."""

from rich.console import Console
from rich.table import Table

from tests.demo.bad_input import Attempt
from tests.demo.stories import Story

INTRODUCTION = """
[bold]A morning at two companies[/bold]

People say yes and no to what Klingit and Omilon may do with their data. Each act is one immutable event on a
Kafka log; a worker folds the log into Postgres; every answer below was asked of the running ledger, and what
it must be was worked out separately by tests/demo/expected.py, which shares no rule with the product.
"""


class Page:
    """Writes tables to standard output as the demo goes."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, width=118)

    def introduce(self) -> None:
        self._console.print(INTRODUCTION)

    def stories(self, stories: list[Story]) -> None:
        for story in stories:
            title = f"{story.person} and {story.company.name}: may they use the data for {story.about}?"
            table = Table(title=title, title_justify="left", title_style="bold", expand=True)
            for head, ratio in (("what happens", 5), ("before", 3), ("after", 3)):
                table.add_column(head, ratio=ratio)
            table.add_column("checkable after", justify="right", ratio=2)
            for step in story.steps:
                good = step.after == step.expected
                after = step.after if good else f"[red]{step.after}[/red], expected {step.expected}"
                table.add_row(step.said, step.before, after, f"{step.delay_ms:.0f} ms")
            self._console.print(table)

    def attempts(self, attempts: list[Attempt]) -> None:
        title = "Bad input: a yes with a defect is refused, a no is never lost for a side reason"
        table = Table(title=title, title_justify="left", title_style="bold", expand=True)
        table.add_column("what came in", ratio=1)
        table.add_column("what became of it", ratio=1)
        for attempt in attempts:
            good = attempt.outcome == attempt.expected
            table.add_row(
                attempt.said,
                attempt.outcome if good else f"[red]{attempt.outcome}[/red], expected {attempt.expected}",
            )
        self._console.print(table)

    def counts(self, title: str, rows: list[tuple[str, str]]) -> None:
        table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
        table.add_column("what")
        table.add_column("how many", justify="right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def wrong_answers(self, wrong: list[tuple[tuple, bool, bool]]) -> None:
        for (person, purpose, channel), expected, given in wrong[:20]:
            words = {True: "allow", False: "deny"}
            self._console.print(
                f"[red]{person} {purpose} {channel or ''}: expected {words[expected]}, the ledger says {words[given]}[/red]"
            )

    def close(self, good: bool) -> None:
        self._console.print(
            "[bold green]Everything is as expected.[/bold green]"
            if good
            else "[bold red]Something differs from what was expected: see above.[/bold red]"
        )
