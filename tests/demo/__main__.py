"""`make demo`: a morning of two companies against the running stack, ended by itself, non-zero if anything differs."""

import argparse
import asyncio
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.demo.crowd import Crowd
from tests.demo.expected import declared_purposes, expected_answers
from tests.demo.morning import COMPANIES, Person, plan_crowd, questions_about
from tests.demo.page import Page
from tests.demo.stage import ROOT, Stage
from tests.demo.stories import Story, tell_all

PEOPLE_PER_COMPANY = 3_400


class Stopwatch:
    """Time and rate of each step, for the page."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def note(self, what: str, started: float, count: int | None = None) -> None:
        seconds = time.monotonic() - started
        rate = f", {count / seconds:,.0f} a second" if count else ""
        self.rows.append((what, f"{seconds:.1f} s{rate}"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE_PER_COMPANY, help="people per company")
    parser.add_argument("--keep", action="store_true", help="leave the stack running afterwards")
    arguments = parser.parse_args()
    stage = Stage()
    try:
        return asyncio.run(_play(stage, arguments.people))
    finally:
        if arguments.keep:
            print("The stack goes on; end it with: ledger dev down --state .ledger/demo", file=sys.stderr)
        else:
            stage.strike()


async def _play(stage: Stage, people_per_company: int) -> int:
    page, watch = Page(), Stopwatch()
    page.introduce()
    started = time.monotonic()
    await asyncio.to_thread(stage.raise_curtain)
    watch.note("start broker, database, workers and API; publish two catalogues", started)
    plan = plan_crowd(people_per_company)
    try:
        stories, crowd, answers = await _morning(stage, plan, watch)
    finally:
        await stage.close()
    wrong = _compared(plan, answers)
    replay, replay_is_clean = await asyncio.to_thread(_replayed, stage, watch)
    page.stories(stories)
    page.counts("In", [(what, f"{count:,}") for what, count in crowd.counts.items()])
    page.counts(
        "On the log and in Postgres",
        [(what, f"{count:,}") for what, count in sorted(replay["outcomes"].items())],
    )
    page.counts("Answers", [
        ("questions asked when the morning was over", f"{len(answers):,}"),
        ("answered allow", f"{sum(answers.values()):,}"),
        ("different from the independent fold", f"{len(wrong):,}"),
        ("replay of the whole log: rows that differ", f"{sum(replay['difference_count'].values()):,}"),
    ])  # fmt: skip
    page.counts("Time", watch.rows)
    page.wrong_answers(wrong)
    good = not wrong and replay_is_clean and all(story.as_expected for story in stories)
    page.close(good)
    return 0 if good else 1


async def _morning(
    stage: Stage, plan: list[Person], watch: Stopwatch
) -> tuple[list[Story], Crowd, dict[tuple, bool]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        started = time.monotonic()
        stories = await tell_all(stage)
        watch.note("six people's stories", started)
        crowd = Crowd(stage, plan)
        bar = progress.add_task("the crowd's acts", total=sum(len(person.acts) for person in plan))
        started = time.monotonic()
        await crowd.play(lambda count: progress.advance(bar, count))
        watch.note("the crowd's acts, acknowledged", started, crowd.counts["acts sent"])
        total = sum(len(questions_about(person)) for person in plan)
        bar = progress.add_task("questions about everyone", total=total)
        started = time.monotonic()
        answers = await crowd.ask_everything(lambda count: progress.advance(bar, count))
        watch.note("questions about everyone", started, len(answers))
    return stories, crowd, answers


def _compared(plan: list[Person], answers: dict[tuple, bool]) -> list[tuple[tuple, bool, bool]]:
    purposes: dict[str, dict] = {}
    for company in COMPANIES:
        purposes |= declared_purposes(ROOT / "deploy" / "catalogues" / company.name)
    acts = [act for person in plan for act in person.acts]
    questions = [question for person in plan for question in questions_about(person)]
    expected = expected_answers(acts, purposes, questions)
    return [
        (question, expected[question], answers[question])
        for question in questions
        if expected[question] != answers[question]
    ]


def _replayed(stage: Stage, watch: Stopwatch) -> tuple[Any, bool]:
    started = time.monotonic()
    report = stage.ledger("audit", "replay", accept=(0, 1))
    watch.note("replay of the whole log beside the running system", started, report["records"])
    return report, sum(report["difference_count"].values()) == 0


if __name__ == "__main__":
    sys.exit(main())
