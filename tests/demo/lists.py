"""The newsletter tools' lists: files made from the plan, with broken lines, and imported as an operator does."""

import asyncio
import csv
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.demo.companies import COMPANIES, LEETCOM, Company
from tests.demo.plan import LISTS, OLD_LIST, SEED, Person
from tests.demo.stage import DAY, Stage

HEADER: Final = ("Email Address", "First Name", "OPTIN_TIME", "CONFIRM_TIME", "UNSUB_TIME", "TAGS")
MAP: Final = "email=Email Address,opted_in_at=OPTIN_TIME,confirmed_at=CONFIRM_TIME,unsubscribed_at=UNSUB_TIME"
BROKEN: Final = (
    ("not an address", "Nils", "2024-03-04 05:06:07", "2024-03-04 05:06:07", "", ""),
    ("", "Olga", "2024-03-04 05:06:07", "2024-03-04 05:06:07", "", ""),
    ("=HYPERLINK(1)", "Pia", "2024-03-04 05:06:07", "2024-03-04 05:06:07", "", ""),
    ("quentin@list.invalid", "Quentin", "31.02.2024", "31.02.2024", "", ""),
    ("rut@list.invalid", "Rut", "2924-03-04 05:06:07", "2924-03-04 05:06:07", "", ""),
    ("sixten@list.invalid", "Sixten"),
)
"""Lines that say yes and are refused: nobody, a formula, no such day, a day to come, a line cut off."""

TWICE: Final = 25
"""How many lines of every list stand in it twice."""

_KINDS: Final = {
    frozenset({"grant"}): "agreed",
    frozenset({"grant", "unsubscribe"}): "agreed and left",
    frozenset({"unsubscribe"}): "left",
    frozenset({"asked"}): "unconfirmed",
}


class Imported(NamedTuple):
    """What became of one list. ``found`` is what the ledger counted in it, ``expected`` what the plan put in.

    ``acts`` are lines that say something about somebody for the first time, ``events`` what they become.
    """

    company: Company
    file: Path
    lines: int
    acts: int
    events: int
    seconds: float
    found: dict[str, int]
    expected: dict[str, int]

    @property
    def as_expected(self) -> bool:
        return self.found == self.expected


async def import_lists(stage: Stage, people: list[Person]) -> list[Imported]:
    """The morning's list of every company, one after the other."""
    return [
        await _import(stage, company, [one for one in people if one.company is company], LISTS)
        for company in COMPANIES
    ]


async def import_old_list(stage: Stage, people: list[Person]) -> Imported:
    """The file from 2016 that somebody found: people who have left since, and people who were erased."""
    company = LEETCOM
    return await _import(stage, company, [one for one in people if one.company is company], OLD_LIST)


def look_first(stage: Stage, people: list[Person]) -> str:
    """How `ledger list import` understands the first company's list, with nothing recorded."""
    company = COMPANIES[0]
    file, _ = _written(company, [one for one in people if one.company is company], LISTS)
    return stage.shown(*_command(company, file), "--dry-run", accept=(0, 1))


async def _import(stage: Stage, company: Company, people: list[Person], part: str) -> Imported:
    file, said = _written(company, people, part)
    started = time.monotonic()
    report = await asyncio.to_thread(stage.ledger, *_command(company, file), "--yes", "--wait")
    seconds = time.monotonic() - started
    counts = report["survey"]["counts"]
    barred = counts["rejected"].get("erased_before", 0)
    found = {
        "agreed": counts["grants"],
        "agreed and left": counts["both"],
        "left": counts["unsubscribes"],
        "unconfirmed": counts["neither"],
        "twice": counts["repeated_people"],
        "broken": sum(counts["rejected"].values()) - barred,
        "erased": barred,
    }
    erased = {one.name for one in people if _was_erased(one)} if part == OLD_LIST else set()
    events = [act for name, acts in said.items() if name not in erased for act in acts if act["act"] != "asked"]
    return Imported(
        company=company,
        file=file,
        lines=counts["lines"],
        acts=len({act["person"] for act in events}),
        events=len(events),
        seconds=seconds,
        found=found,
        expected=_expected(said, erased),
    )


def _command(company: Company, file: Path) -> tuple[str, ...]:
    form = company.newsletter
    return (
        "list", "import", str(file), "--controller", company.name, "--purpose", form.purposes[0],
        "--channel", form.channel or "", "--notice", form.notice, "--map", MAP,
    )  # fmt: skip


def _written(company: Company, people: list[Person], part: str) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """The file, and what it says of whom."""
    acts = {one.name: [act for act in one.in_part(part) if act.get("imported")] for one in people}
    said = {name: theirs for name, theirs in acts.items() if theirs}
    lines = [*(_line(name, said[name]) for name in (*said, *_twice(said))), *BROKEN]
    random.Random(SEED).shuffle(lines)
    folder = DAY / "lists"
    folder.mkdir(exist_ok=True)
    file = folder / f"{company.name}-{part.replace(' ', '-')}.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        writer.writerows(lines)
    return file, said


def _twice(said: dict[str, list[dict[str, Any]]]) -> list[str]:
    return list(said)[:TWICE]


def _expected(said: dict[str, list[dict[str, Any]]], erased: set[str]) -> dict[str, int]:
    kinds = Counter(
        "erased" if name in erased else _KINDS[frozenset(act["act"] for act in said[name])]
        for name in (*said, *_twice(said))
    )
    return {kind: kinds[kind] for kind in _KINDS.values()} | {
        "twice": min(TWICE, len(said)),
        "broken": len(BROKEN),
        "erased": kinds["erased"],
    }


def _was_erased(person: Person) -> bool:
    """Whether somebody was erased whole: nothing was asked for but everything, and nothing is kept."""
    company = person.company
    return any(
        act["act"] == "erase" and not act["categories"] and not act["holds"] and company.kept_when_stated
        for act in person.acts
    )


def _line(name: str, said: list[dict[str, Any]]) -> tuple[str, ...]:
    """One line of the tool: when somebody asked for the letter, clicked, and left."""
    address = name.removeprefix("email:")
    opted_in = next((act["opted_in"] for act in said if "opted_in" in act), "")
    confirmed = next((act["opted_in"] for act in said if act["act"] == "grant"), "")
    left = next((act["unsubscribed"] for act in said if "unsubscribed" in act), "")
    return (address, address.partition("@")[0].capitalize(), opted_in, confirmed, left, "news, 'weekly'")
