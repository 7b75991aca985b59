"""Plays the crowd's day through the SDK: each person's acts in order, many people at once."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from ledger.sdk import Ask, Ledger, Person, Saved, account, email
from tests.demo import plan
from tests.demo.companies import COMPANIES
from tests.demo.stage import Stage

PEOPLE_AT_ONCE: Final = {"http": 16, "kafka": 64}
QUESTIONS_AT_ONCE: Final = 500
BATCHES_AT_ONCE: Final = 3

Told = Callable[[int], None]


class Crowd:
    """The plan at play. ``counts`` tells what was sent and what the ledger said of it."""

    def __init__(self, stage: Stage, people: list[plan.Person]) -> None:
        self._stage = stage
        self._people = people
        self.counts: Counter[str] = Counter()

    async def play(self, part: str, progress: Told) -> None:
        """Every act of a part of the day; raises at the first that is not acknowledged."""
        gates = {road: asyncio.Semaphore(size) for road, size in PEOPLE_AT_ONCE.items()}
        async with asyncio.TaskGroup() as group:
            for person in self._people:
                acts = [act for act in person.in_part(part) if _is_said_by_themselves(act)]
                if acts:
                    group.create_task(self._play_person(person, acts, gates, progress))

    async def _play_person(
        self,
        person: plan.Person,
        acts: list[dict[str, Any]],
        gates: dict[str, asyncio.Semaphore],
        progress: Told,
    ) -> None:
        async with gates[person.road]:
            ledger, who, last = self._stage.client(person.company, person.road), named(person.name), None
            for together in _as_said(acts):
                saved = await _perform(ledger, who, together, last)
                if together[0].get("again"):
                    self.counts["sent once more under the same key"] += len(saved.events)
                    progress(1)
                    continue
                last = saved
                self.counts["acts"] += 1
                self.counts["events"] += len(saved.events)
                self.counts[f"acts over {person.road}"] += 1
                progress(len(together))

    async def ask_everything(self, progress: Told) -> dict[tuple, bool]:
        """The ledger's answer to every question about every person."""
        answers: dict[tuple, bool] = {}
        gate = asyncio.Semaphore(BATCHES_AT_ONCE)

        async def ask(ledger: Ledger, part: list[tuple[str, str, str | None]]) -> None:
            async with gate:
                asks = [Ask(named(name), purpose, channel) for name, purpose, channel in part]
                decisions = await ledger.check_many(asks)
                answers.update(zip(part, map(bool, decisions), strict=True))
                progress(len(part))

        async with asyncio.TaskGroup() as group:
            for company in COMPANIES:
                people = (person for person in self._people if person.company is company)
                asked = [question for person in people for question in plan.questions_about(person)]
                for start in range(0, len(asked), QUESTIONS_AT_ONCE):
                    part = asked[start : start + QUESTIONS_AT_ONCE]
                    group.create_task(ask(self._stage.client(company), part))
        return answers


def named(name: str) -> Person:
    """The person of a name in the plan."""
    kind, _, value = name.partition(":")
    return {"email": email, "account": account}[kind](value)


def _is_said_by_themselves(act: dict[str, Any]) -> bool:
    return not act.get("imported") and act["act"] != "erase"


def _as_said(acts: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The boxes of one form together, everything else by itself; a form sent again is all of its boxes again."""
    forms: dict[tuple, list[dict[str, Any]]] = {}
    for act in acts:
        key = (*act["form"], act["true_ms"]) if "form" in act else None
        if key is None:
            yield [act]
        elif act.get("again"):
            yield [box | {"again": True} for box in forms[key]]
        elif key not in forms:
            forms[key] = [
                box for box in acts if box.get("form") == act["form"] and not box.get("again")
                and box["true_ms"] == act["true_ms"]
            ]  # fmt: skip
            yield forms[key]


async def _perform(ledger: Ledger, who: Person, acts: list[dict[str, Any]], last: Saved | None) -> Saved:
    first = acts[0]
    key: Any = {"idempotency_key": _key_of(first)}
    if "form" in first:
        notice, channel = first["form"]
        granted = [act["purpose"] for act in acts if act["act"] == "grant"]
        refused = [act["purpose"] for act in acts if act["act"] == "refuse"]
        return await ledger.save_choices(
            who, notice=notice, channel=channel, granted=granted, refused=refused, **key
        )
    where: Any = {"purpose": first.get("purpose"), "channel": first.get("channel")}
    match first["act"]:
        case "unsubscribe":
            return await ledger.unsubscribe(who, **where, **key)
        case "withdraw":
            return await ledger.withdraw(who, **where, **key)
        case "object":
            return await ledger.object_to(who, **where, **key)
        case "preference_out":
            paper: Any = {"capture": "letter", "effective_from": "2026-01-02T00:00:00Z"} if first.get("letter") else {}
            about = {"message_class": first["message_class"], "channel": first["channel"]}
            return await ledger.opt_out(who, **about, **paper, **key)
        case "grant":
            return await _grant(ledger, who, first, where, last, key)
        case unknown:
            raise AssertionError(f"the plan has an act that nobody can perform: {unknown}")


async def _grant(
    ledger: Ledger, who: Person, act: dict[str, Any], where: Any, last: Saved | None, key: Any
) -> Saved:
    again, more = act.get("again", False), {}
    if act.get("seen") and not again:
        more["seen"] = await _page_shown_to(ledger, who, where, last)
    if "waited_ms" in act:
        more["waited_ms"] = act["waited_ms"]
    return await ledger.grant(
        who, **where, notice=act["notice"], verified=act.get("verified", False), **more, **key
    )


async def _page_shown_to(ledger: Ledger, who: Person, where: Any, last: Saved | None) -> str | None:
    """The position of a settings page with the last act on it, loaded again while the ledger is behind."""
    while (shown := await ledger.check(who, **where, at_least=last)).retryable:
        await asyncio.sleep(0.2)
    return shown.position


def _key_of(act: dict[str, Any]) -> str:
    """The same act has the same key, and over Kafka a key must be a random UUID (version 4)."""
    names = ("person", "act", "purpose", "channel", "true_ms", "part")
    drawn = uuid.uuid5(uuid.NAMESPACE_URL, "|".join(str(act.get(name)) for name in names))
    return str(uuid.UUID(bytes=drawn.bytes, version=4))
