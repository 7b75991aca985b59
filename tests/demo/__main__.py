"""`make demo`: a morning of two companies against the running stack, ended by itself, non-zero if anything differs."""

import argparse
import asyncio
import sys
import time
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.demo.bad_input import Attempt, attempt_all
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


class Morning(NamedTuple):
    """What happened, as told by those who did it."""

    stories: list[Story]
    attempts: list[Attempt]
    crowd: Crowd
    answers: dict[tuple, bool]

    def recorded(self) -> int:
        """How many events must count on the log: each act once, however often it was sent, and each catalogue."""
        told = sum(story.recorded for story in self.stories) + len(COMPANIES)
        return told + self.crowd.counts["acts"] + sum(attempt.recorded for attempt in self.attempts)


async def _play(stage: Stage, people_per_company: int) -> int:
    page, watch = Page(), Stopwatch()
    page.introduce()
    started = time.monotonic()
    await asyncio.to_thread(stage.raise_curtain)
    watch.note("start broker, database, workers and API; publish two catalogues", started)
    plan = plan_crowd(people_per_company)
    try:
        morning = await _morning(stage, plan, watch)
    finally:
        await stage.close()
    replay = await asyncio.to_thread(_replayed, stage, watch)
    page.stories(morning.stories)
    page.attempts(morning.attempts)
    good = _account(page, plan, morning, replay)
    page.counts("Time", watch.rows)
    page.close(good)
    return 0 if good else 1


def _account(page: Page, plan: list[Person], morning: Morning, replay: dict[str, Any]) -> bool:
    """Writes what went in and what came out, and says whether the two agree."""
    wrong = _compared(plan, morning.answers)
    differing = sum(replay["difference_count"].values())
    outcomes = replay["outcomes"]
    turned_away = [attempt for attempt in morning.attempts if not attempt.recorded]
    expected = {"counted": morning.recorded(), "quarantined": 1}
    page.counts("In", [(what, f"{count:,}") for what, count in morning.crowd.counts.items()])
    page.counts("On the log and in Postgres", [
        ("counted", f"{outcomes.get('counted', 0):,} of {expected['counted']:,} expected"),
        ("repeats that wrote nothing (over HTTP they do not reach the log)", f"{outcomes.get('repeat', 0):,}"),
        ("quarantined", f"{outcomes.get('quarantined', 0):,} of {expected['quarantined']:,} expected"),
        ("turned away at the door", f"{len(turned_away):,}"),
    ])  # fmt: skip
    page.counts("Answers", [
        ("questions asked when the morning was over", f"{len(morning.answers):,}"),
        ("answered allow", f"{sum(morning.answers.values()):,}"),
        ("different from the independent fold", f"{len(wrong):,}"),
        ("replay of the whole log: rows that differ", f"{differing:,}"),
    ])  # fmt: skip
    page.wrong_answers(wrong)
    return (
        not wrong
        and differing == 0
        and all(outcomes.get(what, 0) == count for what, count in expected.items())
        and all(story.as_expected for story in morning.stories)
        and all(attempt.outcome == attempt.expected for attempt in morning.attempts)
    )


async def _morning(stage: Stage, plan: list[Person], watch: Stopwatch) -> Morning:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        started = time.monotonic()
        stories = await tell_all(stage)
        attempts = await attempt_all(stage)
        watch.note("six people's stories, and bad input", started)
        crowd = Crowd(stage, plan)
        bar = progress.add_task("the crowd's acts", total=sum(len(person.acts) for person in plan))
        started = time.monotonic()
        await crowd.play(lambda count: progress.advance(bar, count))
        watch.note("the crowd's acts, acknowledged", started, crowd.counts["acts"])
        total = sum(len(questions_about(person)) for person in plan)
        bar = progress.add_task("questions about everyone", total=total)
        started = time.monotonic()
        answers = await crowd.ask_everything(lambda count: progress.advance(bar, count))
        watch.note("questions about everyone", started, len(answers))
    return Morning(stories, attempts, crowd, answers)


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


def _replayed(stage: Stage, watch: Stopwatch) -> dict[str, Any]:
    started = time.monotonic()
    report: dict[str, Any] = stage.ledger("audit", "replay", accept=(0, 1))
    watch.note("replay of the whole log beside the running system", started, report["records"])
    return report


if __name__ == "__main__":
    sys.exit(main())
