"""How one person's story is told: an act, and the decision before and after it.

A story is data beside its expected answers, so that the page and the exit code come from the same place.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from ledger.sdk import Ledger, Person, Saved, email
from tests.demo.companies import Company
from tests.demo.stage import Stage

DEADLINE_SECONDS: Final = 60.0


class Step(NamedTuple):
    """What happened, and the answers around it. ``delay_ms``: from acknowledged to checkable, if looked at."""

    said: str
    before: str
    after: str
    expected: str
    delay_ms: float | None
    recorded: int


class Story(NamedTuple):
    """One person, one company, and the use that is asked about."""

    person: str
    company: Company
    about: str
    steps: list[Step]

    @property
    def recorded(self) -> int:
        """How many events the story put on the log, repeats not counted."""
        return sum(step.recorded for step in self.steps)

    @property
    def as_expected(self) -> bool:
        return all(step.after == step.expected for step in self.steps)


class Teller:
    """Tells one person's story, over as many parts of the day as it takes."""

    def __init__(
        self,
        stage: Stage,
        company: Company,
        name: str,
        purpose: str,
        channel: str | None,
        person: Person | None = None,
    ) -> None:
        self.ledger: Ledger = stage.client(company)
        self.person: Person = person or email(f"{name.lower()}@example.se")
        self.question: dict[str, Any] = {"purpose": purpose, "channel": channel}
        self.story = Story(name, company, purpose, [])

    async def answer(self, at_least: Saved | None = None, **instead: Any) -> str:
        decision = await self.ledger.check(self.person, **(self.question | instead), at_least=at_least)
        return f"{'allow' if decision else 'deny'} ({decision.reason})"

    async def step(self, said: str, act: Callable[[], Awaitable[Saved]], expected: str) -> Saved:
        """An act, and the answer at its position."""
        before = await self.answer()
        saved = await act()
        acknowledged = time.monotonic()
        after = await self.answer(saved)
        delay_ms = (time.monotonic() - acknowledged) * 1000
        recorded = 0 if saved.repeat else len(saved.events)
        self.story.steps.append(Step(said, before, after, expected, delay_ms, recorded))
        return saved

    async def note(self, said: str, expected: str, *, before: str, **instead: Any) -> None:
        """Something that happened since ``before`` was the answer."""
        after = await self.answer(**instead)
        self.story.steps.append(Step(said, before, after, expected, None, recorded=0))

    async def watch(self, said: str, expected: str, *, before: str | None = None) -> None:
        """Something that is no act of the person: the answer as soon as it is what it must become."""
        first = before or await self.answer()
        started, after = time.monotonic(), first
        while after != expected and time.monotonic() - started < DEADLINE_SECONDS:
            await asyncio.sleep(0.02)
            after = await self.answer()
        delay_ms = (time.monotonic() - started) * 1000
        self.story.steps.append(Step(said, first, after, expected, delay_ms, recorded=0))
