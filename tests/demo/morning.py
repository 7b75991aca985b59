"""The plan of one morning at two companies: who says what, by which road, in which true order.

The plan is data, made from a seed before anything runs. The runner plays it through the product; the independent fold
(:mod:`tests.demo.expected`) says from the same plan what the answers must be.
"""

import random
from typing import NamedTuple

SEED = 20261124
MINUTE_MS = 60_000


class Company(NamedTuple):
    """What the plan needs to know about a company's catalogue."""

    name: str
    notice: str
    asked: tuple[str, ...]
    channel: str
    interest: str


OMILON = Company("omilon", "activities@2", ("om.newsletter", "om.offer", "om.survey"), "email", "om.improve")
KLINGIT = Company("klingit", "signup@2", ("kl.promo", "kl.analysis"), "email", "kl.improve")
COMPANIES = (OMILON, KLINGIT)
WITHOUT_CHANNEL = frozenset({"kl.analysis", "kl.improve", "om.improve"})


class Person(NamedTuple):
    """Someone in the plan. ``acts`` in the order in which they reach the ledger, not that of their true times."""

    company: Company
    name: str
    transport: str
    acts: list[dict]


def channel_of(purpose: str, company: Company) -> str | None:
    """The channel that the plan's questions and acts name for a purpose."""
    return None if purpose in WITHOUT_CHANNEL else company.channel


def plan_crowd(people_per_company: int) -> list[Person]:
    """The crowd: reproducible, with every twist in it often enough to matter."""
    rng = random.Random(SEED)
    crowd = []
    for company in COMPANIES:
        for number in range(people_per_company):
            transport = "http" if rng.random() < 0.3 else "kafka"
            name = f"person{number}@{company.name}.invalid"
            crowd.append(Person(company, name, transport, _a_persons_morning(rng, company, name)))
    return crowd


def _a_persons_morning(rng: random.Random, company: Company, name: str) -> list[dict]:
    clock = _TrueTime(rng.randrange(0, 180 * MINUTE_MS))
    choices = {purpose: rng.random() < 0.6 for purpose in company.asked}
    acts = [_choice(company, name, purpose, granted, clock) for purpose, granted in choices.items()]
    chosen = rng.choice(company.asked)
    draw = rng.random()
    if draw < 0.25:
        acts.append(_act("unsubscribe", company, name, clock.later(), chosen))
        if rng.random() < 0.3:
            acts.append(_act("grant", company, name, clock.later(), chosen, notice=company.notice, seen=True))
    elif draw < 0.32:
        acts.append(_act("object", company, name, clock.later(), company.interest))
    elif draw < 0.38:
        acts.append(
            {
                "act": "preference_out",
                "person": name,
                "true_ms": clock.later(),
                "message_class": "promotion",
                "channel": company.channel,
            }
        )
    elif draw < 0.42:
        acts.append(_act("withdraw", company, name, clock.later(), chosen))
        late = _act("grant", company, name, clock.now - 30 * MINUTE_MS, chosen, notice=company.notice)
        acts.append(late | {"waited_ms": 30 * MINUTE_MS})
    if rng.random() < 0.03:
        acts.append(dict(rng.choice(acts)) | {"again": True})
    return acts


class _TrueTime:
    """A person's own clock, which no machine in the plan can read."""

    def __init__(self, start_ms: int) -> None:
        self.now = start_ms

    def later(self) -> int:
        self.now += 5 * MINUTE_MS
        return self.now


def _choice(company: Company, name: str, purpose: str, granted: bool, clock: _TrueTime) -> dict:
    kind = "grant" if granted else "refuse"
    return _act(kind, company, name, clock.now, purpose, notice=company.notice) | {"choice": True}


def _act(kind: str, company: Company, name: str, true_ms: int, purpose: str, **more: object) -> dict:
    channel = channel_of(purpose, company)
    return {"act": kind, "person": name, "true_ms": true_ms, "purpose": purpose, "channel": channel, **more}


def questions_about(person: Person) -> list[tuple[str, str, str | None]]:
    """Every question that the demo asks about a person when the morning is over."""
    purposes = (*person.company.asked, person.company.interest)
    return [(person.name, purpose, channel_of(purpose, person.company)) for purpose in purposes]
