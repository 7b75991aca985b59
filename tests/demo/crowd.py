"""Plays the crowd's morning through the SDK: each person's acts in order, many people at once."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable

from ledger.sdk import Ask, Ledger, Person, Saved, email
from tests.demo import morning
from tests.demo.stage import Stage

PEOPLE_AT_ONCE = {"http": 24, "kafka": 64}
QUESTIONS_AT_ONCE = 500


class Crowd:
    """The plan at play. ``counts`` tells what was sent and what the ledger said of it."""

    def __init__(self, stage: Stage, people: list[morning.Person]) -> None:
        self._stage = stage
        self._people = people
        self.counts: Counter[str] = Counter()

    async def play(self, progress: Callable[[int], None]) -> None:
        """Every act of every person; raises at the first that is not acknowledged."""
        gates = {road: asyncio.Semaphore(size) for road, size in PEOPLE_AT_ONCE.items()}
        async with asyncio.TaskGroup() as group:
            for person in self._people:
                group.create_task(self._play_person(person, gates[person.transport], progress))

    async def _play_person(
        self, person: morning.Person, gate: asyncio.Semaphore, progress: Callable[[int], None]
    ) -> None:
        async with gate:
            ledger = self._stage.client(person.company, person.transport)
            who = email(person.name)
            choices = [act for act in person.acts if act.get("choice") and not act.get("again")]
            saved = await self._sign_up(ledger, who, person, choices)
            progress(len(choices))
            for act in person.acts:
                if act in choices:
                    continue
                if act.get("again"):
                    await self._say_again(ledger, who, person, act, choices)
                else:
                    saved = await self._say(ledger, who, person, act, saved)
                progress(1)

    async def _sign_up(
        self, ledger: Ledger, who: Person, person: morning.Person, choices: list[dict]
    ) -> Saved:
        return self._counted(person, await self._choose(ledger, who, person, choices))

    async def _say(
        self, ledger: Ledger, who: Person, person: morning.Person, act: dict, last: Saved
    ) -> Saved:
        return self._counted(person, await self._perform(ledger, who, person, act, last))

    def _counted(self, person: morning.Person, saved: Saved) -> Saved:
        self.counts["acts"] += len(saved.events)
        self.counts[f"over {person.transport}"] += len(saved.events)
        return saved

    async def _choose(
        self, ledger: Ledger, who: Person, person: morning.Person, choices: list[dict]
    ) -> Saved:
        return await ledger.save_choices(
            who,
            notice=person.company.notice,
            channel=person.company.channel,
            granted=[act["purpose"] for act in choices if act["act"] == "grant"],
            refused=[act["purpose"] for act in choices if act["act"] == "refuse"],
            idempotency_key=_key_of(person, choices[0]),
        )

    async def _perform(
        self, ledger: Ledger, who: Person, person: morning.Person, act: dict, last: Saved | None
    ) -> Saved:
        where = {"purpose": act.get("purpose"), "channel": act.get("channel")}
        key = {"idempotency_key": _key_of(person, act)}
        match act["act"]:
            case "unsubscribe":
                return await ledger.unsubscribe(who, **where, **key)
            case "withdraw":
                return await ledger.withdraw(who, **where, **key)
            case "object":
                return await ledger.object_to(who, **where, **key)
            case "preference_out":
                where = {"message_class": act["message_class"], "channel": act["channel"]}
                return await ledger.opt_out(who, **where, **key)
            case "grant":
                seen = (await ledger.check(who, **where, at_least=last)).position if act.get("seen") else None
                waited = {"waited_ms": act["waited_ms"]} if "waited_ms" in act else {}
                return await ledger.grant(who, **where, notice=act["notice"], seen=seen, **waited, **key)
            case unknown:
                raise AssertionError(f"the plan has an act that nobody can perform: {unknown}")

    async def _say_again(
        self, ledger: Ledger, who: Person, person: morning.Person, act: dict, choices: list[dict]
    ) -> None:
        """A client that never got its answer sends the same act under the same key."""
        if act.get("choice"):
            again = await self._choose(ledger, who, person, choices)
        else:
            first = {name: value for name, value in act.items() if name not in ("again", "seen")}
            again = await self._perform(ledger, who, person, first, None)
        self.counts["sent once more under the same key"] += len(again.events)

    async def ask_everything(self, progress: Callable[[int], None]) -> dict[tuple, bool]:
        """The ledger's answer to every question about every person."""
        answers: dict[tuple, bool] = {}
        for company in morning.COMPANIES:
            asked = [
                question
                for person in self._people
                if person.company is company
                for question in morning.questions_about(person)
            ]
            ledger = self._stage.client(company)
            for start in range(0, len(asked), QUESTIONS_AT_ONCE):
                part = asked[start : start + QUESTIONS_AT_ONCE]
                asks = [Ask(email(name), purpose, channel) for name, purpose, channel in part]
                decisions = await ledger.check_many(asks)
                answers.update(zip(part, map(bool, decisions), strict=True))
                progress(len(part))
        return answers


def _key_of(person: morning.Person, act: dict) -> str:
    """The same act has the same key, and over Kafka a key must be a random UUID (version 4)."""
    said = f"{person.name}|{act['act']}|{act.get('purpose')}|{act['true_ms']}"
    drawn = uuid.uuid5(uuid.NAMESPACE_URL, said)
    return str(uuid.UUID(bytes=drawn.bytes, version=4))
