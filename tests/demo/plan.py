"""The plan of one business day: who says what, by which road, in which true order.

The plan is data, made from a seed before anything runs. The runner plays it through the product; the independent fold
(:mod:`tests.demo.expected`) says from the same plan what the answers must be. An act is a plain table, so that the two
share no type: ``true_ms`` is when it truly happened, ``part`` in which part of the day it is played, ``form`` which
acts are sent as one.
"""

import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tests.demo.companies import COMPANIES, LEETCOM, Company, Form, channel_for

SEED: Final = 20261124
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

MORNING, LISTS, FORENOON, ERASURES, AFTERNOON, OLD_LIST = (
    "morning", "lists", "forenoon", "erasures", "afternoon", "old list"
)  # fmt: skip
BEGINS: Final = {MORNING: 7, LISTS: 9, FORENOON: 10, ERASURES: 12, AFTERNOON: 14, OLD_LIST: 17}
"""At which hour of the day each part begins."""


class Size(NamedTuple):
    """How many of each kind every company has."""

    people: int
    devices: int
    listed: int


class Person(NamedTuple):
    """Someone in the plan, named ``email:…`` or ``account:…``. ``acts`` stand in the order in which they arrive."""

    company: Company
    name: str
    road: str
    acts: list[dict[str, Any]]

    def in_part(self, part: str) -> list[dict[str, Any]]:
        return [act for act in self.acts if act["part"] == part]


def plan_day(size: Size) -> list[Person]:
    """The crowd: reproducible, with every twist in it often enough to matter."""
    rng = random.Random(SEED)
    crowd: list[Person] = []
    for company in COMPANIES:
        people = [_person(rng, company, number) for number in range(size.people)]
        crowd += people
        crowd += [_device(rng, company, number) for number in range(size.devices)]
        crowd += [_listed(rng, company, number) for number in range(size.listed)]
        _forget_some(rng, company, people)
    _find_an_old_list(rng, [person for person in crowd if person.company is LEETCOM])
    return crowd


def questions_about(person: Person) -> list[tuple[str, str, str | None]]:
    """Every question that the demo asks about a person when the day is over."""
    company = person.company
    if person.name.startswith("account:"):
        asked = [(company.banner.purposes[0], "web"), (company.banner.purposes[-1], "web")]
    elif person.name.startswith("email:listed"):
        asked = [(company.newsletter.purposes[0], company.newsletter.channel)]
    else:
        forms = (*company.sign_up, company.newsletter)
        boxes = [(purpose, channel_for(purpose, form.channel)) for form in forms for purpose in form.purposes]
        asked = [*boxes, company.objectable]
    return [(person.name, *question) for question in dict.fromkeys(asked)]


class _Clock:
    """A person's own clock, which no machine in the plan can read."""

    def __init__(self, rng: random.Random, part: str) -> None:
        self.part = part
        self.now = BEGINS[part] * HOUR_MS + rng.randrange(0, 60 * MINUTE_MS)

    def later(self) -> int:
        self.now += 2 * MINUTE_MS
        return self.now


def _person(rng: random.Random, company: Company, number: int) -> Person:
    name = f"email:person{number}@{company.name}.invalid"
    clock = _Clock(rng, MORNING if number % 2 else FORENOON)
    acts = list(_boxes(company.sign_up[0], name, clock, lambda: rng.random() < 0.6))
    for form in company.sign_up[1:]:
        if rng.random() < 0.5:
            clock.later()
            acts += _boxes(form, name, clock, lambda: rng.random() < 0.7)
    acts += _change_of_mind(rng, company, name, clock)
    if rng.random() < 0.03:
        acts.append(rng.choice(acts) | {"again": True})
    road = "http" if rng.random() < 0.2 else "kafka"
    person = Person(company, name, road, acts)
    if clock.part == MORNING and rng.random() < 0.4:
        acts += _line(rng, company, name, left=rng.random() < 0.15)
        if rng.random() < 0.1:
            acts.append(_letter(company, name, _Clock(rng, AFTERNOON)))
    elif clock.part == FORENOON and rng.random() < 0.2:
        acts += _line(rng, company, name, left=False)
    return person


def _change_of_mind(
    rng: random.Random, company: Company, name: str, clock: _Clock
) -> Iterator[dict[str, Any]]:
    form = company.sign_up[0]
    purpose = rng.choice(form.purposes)
    channel = channel_for(purpose, form.channel)
    about = {"purpose": purpose, "channel": channel}
    draw = rng.random()
    if draw < 0.25:
        yield _act("unsubscribe", name, clock, **about)
        if rng.random() < 0.3:
            yield _act("grant", name, clock, **about, notice=form.notice, seen=True)
    elif draw < 0.32:
        purpose, channel = company.objectable
        yield _act("object", name, clock, purpose=purpose, channel=channel)
    elif draw < 0.38:
        yield _act("preference_out", name, clock, message_class=company.declined_class, channel="email")
    elif draw < 0.42:
        no = _act("withdraw", name, clock, **about)
        yield no
        wait = 30 * MINUTE_MS
        late = _act("grant", name, clock, **about, notice=form.notice, waited_ms=wait)
        yield late | {"true_ms": no["true_ms"] - wait + MINUTE_MS}


def _device(rng: random.Random, company: Company, number: int) -> Person:
    """A browser and its banner; the id lies in a cookie of its own."""
    name = f"account:device-{company.name}-{number}"
    clock = _Clock(rng, MORNING if number % 2 else FORENOON)
    everything = rng.random()
    acts = list(
        _boxes(
            company.banner, name, clock, lambda: everything < 0.4 or (everything < 0.6 and rng.random() < 0.5)
        )
    )
    if rng.random() < 0.15:
        acts.append(_act("withdraw", name, clock, purpose=company.banner.purposes[-1], channel="web"))
    return Person(company, name, "kafka", acts)


def _listed(rng: random.Random, company: Company, number: int) -> Person:
    """Somebody whom only the newsletter tool knows."""
    name = f"email:listed{number}@{company.name}.invalid"
    if rng.random() < 0.03:
        return Person(company, name, "list", [_unconfirmed(name)])
    return Person(company, name, "list", list(_line(rng, company, name, left=rng.random() < 0.2)))


def _unconfirmed(name: str) -> dict[str, Any]:
    """An address in a form, and nobody clicked in the mail that was sent to it: no yes (double opt-in)."""
    asked = {"act": "asked", "person": name, "part": LISTS, "true_ms": BEGINS[LISTS] * HOUR_MS}
    return asked | {"imported": True, "opted_in": "2025-06-07 08:09:10"}


def _line(rng: random.Random, company: Company, name: str, *, left: bool) -> Iterator[dict[str, Any]]:
    """What one line of the newsletter tool says. Whoever has left agreed once, if the tool remembers when."""
    about = {"purpose": company.newsletter.purposes[0], "channel": company.newsletter.channel, "imported": True}
    clock = _Clock(rng, LISTS)
    clock.now = BEGINS[LISTS] * HOUR_MS
    opted_in = f"{rng.randrange(2017, 2026)}-0{rng.randrange(1, 10)}-1{rng.randrange(0, 10)} 08:00:00"
    if not left or rng.random() < 0.5:
        yield _act("grant", name, clock, **about, notice=company.newsletter.notice, opted_in=opted_in)
    if left:
        yield _act("unsubscribe", name, clock, **about, unsubscribed="2026-02-03 04:05:06")


def _letter(company: Company, name: str, clock: _Clock) -> dict[str, Any]:
    """A no on paper counts from when it came in, whatever the date on it."""
    return _act("preference_out", name, clock, message_class=company.declined_class, channel="email", letter=True)


def _forget_some(rng: random.Random, company: Company, people: list[Person]) -> None:
    """Some of the morning's people ask to be erased: of their marketing data, or altogether; some come back."""
    early = [person for person in people if person.acts[0]["part"] == MORNING]
    chosen = rng.sample(early, min(len(early), 16))
    for place, person in enumerate(chosen):
        del person.acts[_first_of(person, AFTERNOON) :]
        clock = _Clock(rng, ERASURES)
        form = company.sign_up[0]
        if place % 4 == 0:
            person.acts.append(_act("erase", person.name, clock, categories=["marketing"], holds=[]))
            if place % 8 == 0:
                person.acts.extend(_returns(company.newsletter, person.name, _Clock(rng, AFTERNOON), seen=True))
        elif place % 4 == 1:
            holds = ["bookkeeping"] if company.kept_when_stated else []
            person.acts.append(_act("erase", person.name, clock, categories=[], holds=holds))
        else:
            person.acts.append(_act("erase", person.name, clock, categories=[], holds=[]))
            if company.kept_when_stated and place % 4 == 2:
                back = _Clock(rng, AFTERNOON)
                person.acts.extend(_returns(form, person.name, back, seen=False))
                if place % 8 == 2:
                    person.acts.extend(_returns(form, person.name, back, seen=True, verified=True))


def _returns(
    form: Form, name: str, clock: _Clock, *, seen: bool, verified: bool = False
) -> Iterator[dict[str, Any]]:
    for purpose in form.purposes[:1]:
        channel = channel_for(purpose, form.channel)
        more = {"verified": True} if verified else {}
        yield _act("grant", name, clock, purpose=purpose, channel=channel, notice=form.notice, seen=seen, **more)


def _find_an_old_list(rng: random.Random, people: list[Person]) -> None:
    """At the end of the day somebody imports a file from 2016: it must bring nobody back."""
    company = people[0].company
    about = {"purpose": company.newsletter.purposes[0], "channel": company.newsletter.channel, "imported": True}
    gone = [person for person in people if any(act["act"] in ("erase", "unsubscribe") for act in person.acts)]
    for person in rng.sample(gone, min(len(gone), 200)):
        clock = _Clock(rng, OLD_LIST)
        person.acts.append(
            _act(
                "grant", person.name, clock, **about,
                notice=company.newsletter.notice, opted_in="2016-05-06 07:08:09",
            )
        )  # fmt: skip


def _first_of(person: Person, part: str) -> int:
    return next((place for place, act in enumerate(person.acts) if act["part"] == part), len(person.acts))


def _boxes(form: Form, name: str, clock: _Clock, ticked: Any) -> Iterator[dict[str, Any]]:
    """One act for each box of a form, all at the same moment."""
    moment = clock.later()
    for purpose in form.purposes:
        act = _act("grant" if ticked() else "refuse", name, clock, notice=form.notice)
        yield act | {
            "purpose": purpose,
            "channel": channel_for(purpose, form.channel),
            "true_ms": moment,
            "form": [form.notice, form.channel],
        }


def _act(kind: str, name: str, clock: _Clock, **more: Any) -> dict[str, Any]:
    return {"act": kind, "person": name, "part": clock.part, "true_ms": clock.later(), **more}
