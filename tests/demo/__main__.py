"""`make demo`: a business day of five companies on the real stack, ended by itself, non-zero if anything differs."""

import argparse
import asyncio
import json
import sys
from typing import Final

from tests.demo.companies import COMPANIES
from tests.demo.day import Day
from tests.demo.evening import Audit, audit, counts_of_history, write_pages
from tests.demo.expected import expected_answers
from tests.demo.figures import Figures
from tests.demo.page import Page
from tests.demo.plan import Person, Size, plan_day, questions_about
from tests.demo.promised import promises_of
from tests.demo.stage import DAY, ROOT, SHORT_WAITS, Stage, struck_afterwards

FULL_SIZE: Final = Size(people=1_140, devices=2_000, listed=5_000)
SETTLED_SECONDS: Final = sum(map(float, SHORT_WAITS.values()))
OWN_TYPES: Final = frozenset(
    {
        "CataloguePublished", "ErasureRequested", "ErasureAdvanced", "SubjectBlocked", "SubjectErased",
        "SuppressionCarried", "ErasureCarried", "IdentifierLinked", "QuarantineAdmitted", "QuarantineDiscarded",
    }
)  # fmt: skip
"""Events that the ledger itself says; all others are people's."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--percent", type=int, default=100, help="how much of the crowd to play")
    parser.add_argument("--keep", action="store_true", help="leave the stack running afterwards")
    arguments = parser.parse_args()
    size = Size(*(max(40, number * arguments.percent // 100) for number in FULL_SIZE))
    with struck_afterwards(keep=arguments.keep) as stage:
        return asyncio.run(_play(stage, size))


async def _play(stage: Stage, size: Size) -> int:
    page, figures = Page(), Figures()
    page.introduce()
    with figures.step("start broker, database, workers and API; five companies, five catalogues"):
        await asyncio.to_thread(stage.raise_curtain)
    people = plan_day(size)
    day = Day(stage, page, figures, people)
    try:
        await day.play()
    finally:
        await stage.close()
    wrong = _compared(people, day.answers)
    history = await counts_of_history(stage)
    page.hour("20:00", "An auditor replays the logs, exports them, and verifies the files")
    found = await asyncio.to_thread(audit, stage)
    pages = await asyncio.to_thread(write_pages, stage)
    page.pages("Pages, of two people and of one company's promises:", pages, ROOT)
    status = await asyncio.to_thread(stage.shown, "status", accept=(0, 1))
    page.shown(f"$ ledger status\n{status}")
    _account(page, figures, day, wrong, history, found)
    page.check("what `ledger status` finds wrong", "All is well" in status, True)
    summary = DAY / "summary.json"
    summary.write_text(json.dumps(figures.document() | {"as_expected": page.good}, indent=2) + "\n")
    page.pages("These figures, for a program:", [summary], ROOT)
    page.close()
    return 0 if page.good else 1


def _account(
    page: Page,
    figures: Figures,
    day: Day,
    wrong: list[tuple[tuple, bool, bool]],
    history: dict[str, int],
    found: Audit,
) -> None:
    """Writes what went in and what came out, and checks that the two agree."""
    page.hour("21:00", "The day's account")
    counted = _sum(history, "counted", own=False)
    page.check("events of people that count on the logs, each once", counted, day.events)
    page.check("answers that differ from the independent fold", len(wrong), 0)
    page.wrong_answers(wrong)
    page.check("rows that differ when every log is replayed", found.differences, 0)
    page.check("findings in the exported files", found.findings, 0)
    page.check("records verified in the files, of those exported", found.verified, found.exported)
    erasures = figures.values["erasures"]
    own = _sum(history, "counted", own=True)
    repeats = _sum(history, "repeat", own=False) + _sum(history, "repeat", own=True)
    megabytes = found.export_bytes / found.exported
    figures.values |= {
        "acts": day.acts,
        "events": day.events,
        "own_events": own,
        "settled_seconds": SETTLED_SECONDS,
        "repeats": repeats,
        "answers": len(day.answers),
        "answers_different": len(wrong),
        "replay_differences": found.differences,
        "replay_events_per_second": round(found.exported / found.replay_seconds),
        "export_events_per_second": round(found.exported / found.export_seconds),
        "verify_events_per_second": round(found.verified / found.verify_seconds),
        "export_megabytes_per_million_events": round(megabytes, 1),
    }
    page.rows("Time", figures.rows())
    page.rows("The day", [
        ("acts of people", f"{day.acts:,}"),
        ("of them over Kafka / over HTTP / from lists", " / ".join(f"{count:,}" for count in day.roads)),
        ("events of theirs on the logs", f"{day.events:,}"),
        ("events that the ledger said itself (erasures, catalogues, quarantine)", f"{own:,}"),
        ("records that were repeats, and wrote nothing", f"{repeats:,}"),
        ("answers compared / different", f"{len(day.answers):,} / {len(wrong):,}"),
        ("answered allow", f"{sum(day.answers.values()):,}"),
        (f"{erasures['count']} erasures with prompt holders and a kill, request to last answer, p50 / p99",
         f"{erasures['p50']:.1f} s / {erasures['p99']:.1f} s"),
        ("of that, caches and appends that must run out (two minutes as shipped)", f"{SETTLED_SECONDS:.0f} s"),
        ("lists, lines a second from the file to the folded log", f"{figures.values['import_lines_per_second']:,}"),
        ("export, events a second", f"{figures.values['export_events_per_second']:,}"),
        ("verification of the files, events a second", f"{figures.values['verify_events_per_second']:,}"),
        ("replay differences", f"{found.differences:,}"),
        ("export of a million events", f"{megabytes:,.0f} MB"),
    ])  # fmt: skip


def _sum(history: dict[str, int], outcome: str, *, own: bool) -> int:
    pairs = ((key.split(" "), count) for key, count in history.items())
    return sum(count for (kind, what), count in pairs if what == outcome and (kind in OWN_TYPES) == own)


def _compared(people: list[Person], answers: dict[tuple, bool]) -> list[tuple[tuple, bool, bool]]:
    wrong = []
    for company in COMPANIES:
        theirs = [person for person in people if person.company is company]
        acts = [act for person in theirs for act in person.acts]
        questions = [question for person in theirs for question in questions_about(person)]
        expected = expected_answers(acts, promises_of(ROOT / "deploy" / "catalogues" / company.name), questions)
        wrong += [(one, expected[one], answers[one]) for one in questions if expected[one] != answers[one]]
    return wrong


if __name__ == "__main__":
    sys.exit(main())
