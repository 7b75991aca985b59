"""The day's erasures: asked for, followed to the last acknowledgement, and looked for where the data lay."""

import asyncio
import time
from collections.abc import Callable
from datetime import date, datetime
from statistics import quantiles
from typing import Final, NamedTuple

from ledger.sdk import Ask, RightsRequest, email, subject_id
from tests.demo.companies import LATE_HOLDER, Company
from tests.demo.keepers import Known, customers_left, subscribers_left
from tests.demo.plan import ERASURES, Person
from tests.demo.stage import Stage

DEADLINE_SECONDS: Final = 120.0
BOOKKEEPING_SINCE: Final = date(2026, 3, 1)


class Asked(NamedTuple):
    """One request, and what it was for. ``person`` is named as in the plan."""

    company: Company
    person: str
    categories: tuple[str, ...]
    request_id: str
    subject_ids: tuple[str, ...]
    """As they were when it was asked: afterwards nobody is told."""


async def ask_for_all(stage: Stage, people: list[Person]) -> list[Asked]:
    """Everybody whom the plan erases asks for it."""
    acts = [(person, act) for person in people for act in person.in_part(ERASURES)]
    return list(
        await asyncio.gather(
            *(ask(stage, person.company, person.name, act["categories"], act["holds"]) for person, act in acts)
        )
    )


async def ask(
    stage: Stage, company: Company, name: str, categories: list[str], holds: list[str]
) -> Asked:
    """One person asks to be erased."""
    request = await stage.client(company).request_erasure(
        email(name.removeprefix("email:")),
        categories=categories,
        holds=dict.fromkeys(holds, BOOKKEEPING_SINCE),
    )
    return Asked(company, name, tuple(categories), request.request_id, request.subject_ids)


async def follow(
    stage: Stage, asked: list[Asked], done: Callable[[RightsRequest], bool], progress: Callable[[int], None]
) -> list[RightsRequest]:
    """The requests once ``done`` says so of each, or as they stand when the deadline has passed."""
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    found: dict[str, RightsRequest] = {}
    told = 0
    while len(found) < len(asked):
        for one in asked:
            if one.request_id not in found:
                request = await stage.client(one.company).rights_request(one.request_id)
                if done(request) or time.monotonic() > give_up_at:
                    found[one.request_id] = request
        progress(len(found) - told)
        told = len(found)
        await asyncio.sleep(0.5)
    return [found[one.request_id] for one in asked]


def is_under_way(request: RightsRequest) -> bool:
    """Whether the person is blocked, and caches and appends are running out."""
    return request.state not in ("requested", "identified", "assessed")


def is_answered(request: RightsRequest) -> bool:
    """Whether it is complete, or waits for nobody but the holder that is down."""
    return request.is_complete or (request.state == "ordered" and request.silent_holders == (LATE_HOLDER[1],))


class Times(NamedTuple):
    """Seconds from request to last acknowledgement."""

    count: int
    p50: float
    p99: float

    @classmethod
    def of(cls, requests: list[RightsRequest]) -> "Times":
        seconds = sorted(_seconds(request) for request in requests if request.is_complete)
        cut = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [0.0] * 99
        return cls(len(seconds), cut[49], cut[98])


def _seconds(request: RightsRequest) -> float:
    answered = max(
        datetime.fromisoformat(holder.answered_at) for holder in request.holders if holder.answered_at is not None
    )
    return (answered - datetime.fromisoformat(request.received_at)).total_seconds()


def is_whole(request: RightsRequest) -> bool:
    """Whether the person is forgotten altogether."""
    return not request.categories and not request.held


async def reasons_by_subject_id(stage: Stage, asked: list[Asked], requests: list[RightsRequest]) -> set[str]:
    """What the ledger says of the old subject ids of those who are forgotten altogether: must be ``erased`` alone."""
    reasons: set[str] = set()
    for one, request in zip(asked, requests, strict=True):
        if is_whole(request):
            form = one.company.newsletter
            asks = [Ask(subject_id(old), form.purposes[0], form.channel) for old in one.subject_ids]
            reasons |= {decision.reason for decision in await stage.client(one.company).check_many(asks)}
    return reasons


async def left_at_holders(stage: Stage, asked: list[Asked], requests: list[RightsRequest], known: Known) -> list[str]:
    """What still lies where it must not, and what is gone that had to stay: in words, empty when all is right."""
    found: list[str] = []
    customers = await customers_left(stage)
    for company, people in known.items():
        subscribers = await subscribers_left(stage, company)
        theirs = {
            one.person.removeprefix("email:"): request
            for one, request in zip(asked, requests, strict=True)
            if one.company is company
        }
        for address, old in people.items():
            request, row = theirs.get(address), customers.get((company.name, address))
            place = f"{company.name}, {'an erased person' if request else 'somebody else'}"
            if (old in subscribers) == (request is not None):
                found.append(f"{place}: the mailing list {'still has' if request else 'lost'} them")
            if (row is None) != (request is not None and is_whole(request)):
                found.append(f"{place}: the CRM {'lost' if row is None else 'still has'} the row")
            elif row is not None and (row["marketing"] is None) != (request is not None):
                found.append(f"{place}: the CRM's marketing data are {row['marketing']}")
            elif row is not None and row["invoices"] is None:
                found.append(f"{place}: the CRM lost the invoices")
    return found
