"""The chosen people: one story each, told step by step with the decision before and after.

A story is data beside its expected answers, so that the page and the exit code come from the same place.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ledger.sdk import Ledger, Saved, email
from tests.demo.morning import KLINGIT, OMILON, Company
from tests.demo.raw_log import append_raw
from tests.demo.stage import Stage

CHECK_DEADLINE_SECONDS = 20.0


class Step(NamedTuple):
    """What happened, and the answers around it. ``delay_ms``: from acknowledged to checkable."""

    said: str
    before: str
    after: str
    expected: str
    delay_ms: float
    recorded: int


class Story(NamedTuple):
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
    """Tells one person's story: performs an act, waits until it can be checked, and notes the answers."""

    def __init__(self, stage: Stage, company: Company, name: str, purpose: str, channel: str | None) -> None:
        self.ledger: Ledger = stage.client(company)
        self.person = email(f"{name.lower()}@example.se")
        self.question = {"purpose": purpose, "channel": channel}
        self.story = Story(name, company, purpose, [])

    async def answer(self, at_least: Saved | None = None) -> str:
        decision = await self.ledger.check(self.person, **self.question, at_least=at_least)
        return f"{'allow' if decision else 'deny'} ({decision.reason})"

    async def step(self, said: str, act: Callable[[], Awaitable[Saved]], expected: str) -> Saved:
        before = await self.answer()
        saved = await act()
        acknowledged = time.monotonic()
        after = await self.answer(saved)
        delay_ms = (time.monotonic() - acknowledged) * 1000
        recorded = 0 if saved.repeat else len(saved.events)
        self.story.steps.append(Step(said, before, after, expected, delay_ms, recorded))
        return saved


async def tell_all(stage: Stage) -> list[Story]:
    """Every story, side by side."""
    tellers = (_anna, _bjorn, _cleo, _dagny, _erik, _farid)
    return list(await asyncio.gather(*(teller(stage) for teller in tellers)))


async def _anna(stage: Stage) -> Story:
    teller = Teller(stage, OMILON, "Anna", "om.newsletter", "email")
    ledger, anna = teller.ledger, teller.person
    await teller.step(
        "signs up, ticks newsletter, leaves surveys unticked",
        lambda: ledger.save_choices(
            anna, notice=OMILON.notice, channel="email", granted=["om.newsletter"], refused=["om.survey"]
        ),
        "allow (consent_given)",
    )
    await teller.step(
        "clicks unsubscribe in a mail",
        lambda: ledger.unsubscribe(anna, purpose="om.newsletter", channel="email"),
        "deny (withdrawn)",
    )
    page = await ledger.standing(anna)
    await teller.step(
        "changes her mind on the settings page, a moment later",
        lambda: ledger.grant(anna, purpose="om.newsletter", channel="email", notice=OMILON.notice, seen=page),
        "allow (consent_given)",
    )
    return teller.story


async def _bjorn(stage: Stage) -> Story:
    teller = Teller(stage, OMILON, "Björn", "om.offer", "email")
    ledger, bjorn = teller.ledger, email("bjorn@example.se")
    teller.person = bjorn
    await teller.step(
        "agrees to offers on the web site",
        lambda: ledger.grant(bjorn, purpose="om.offer", channel="email", notice=OMILON.notice),
        "allow (consent_given)",
    )
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await teller.step(
        "his letter of yesterday, no to all promotion, is typed in today",
        lambda: ledger.opt_out(
            bjorn, message_class="promotion", channel="email", capture="letter", effective_from=yesterday
        ),
        "deny (opted_out)",
    )
    return teller.story


async def _cleo(stage: Stage) -> Story:
    teller = Teller(stage, KLINGIT, "Cleo", "kl.promo", "email")
    ledger, cleo = teller.ledger, teller.person
    await teller.step(
        "says no on a form",
        lambda: ledger.refuse(cleo, purpose="kl.promo", channel="email", notice=KLINGIT.notice),
        "deny (refused)",
    )
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    async def grant_with_a_stale_clock() -> Saved:
        saved = await ledger.grant(
            cleo, purpose="kl.promo", channel="email", notice=KLINGIT.notice, occurred_at=an_hour_ago
        )
        if saved.effective is not False:
            raise AssertionError(f"a grant that lost was reported as effective={saved.effective}")
        return saved

    await teller.step(
        "agrees, on a host whose clock is an hour slow: recorded, and reported as outranked",
        grant_with_a_stale_clock,
        "deny (refused)",
    )
    page = await ledger.standing(cleo)
    await teller.step(
        "agrees again, same clock, on a page that had shown the refusal",
        lambda: ledger.grant(
            cleo,
            purpose="kl.promo",
            channel="email",
            notice=KLINGIT.notice,
            occurred_at=an_hour_ago,
            seen=page,
        ),
        "allow (consent_given)",
    )
    return teller.story


async def _dagny(stage: Stage) -> Story:
    teller = Teller(stage, KLINGIT, "Dagny", "kl.promo", "email")
    ledger, dagny = teller.ledger, teller.person
    key = "dagny-withdraws-once"
    await teller.step(
        "withdraws; nobody ever saw a grant of hers",
        lambda: ledger.withdraw(dagny, purpose="kl.promo", channel="email", idempotency_key=key),
        "deny (withdrawn)",
    )
    await teller.step(
        "the grant she made ten minutes earlier arrives, out of an outbox",
        lambda: ledger.grant(
            dagny, purpose="kl.promo", channel="email", notice=KLINGIT.notice, waited_ms=10 * 60 * 1000
        ),
        "deny (withdrawn)",
    )
    await teller.step(
        "the withdrawal is sent twice more under its key",
        lambda: ledger.withdraw(dagny, purpose="kl.promo", channel="email", idempotency_key=key),
        "deny (withdrawn)",
    )
    return teller.story


async def _erik(stage: Stage) -> Story:
    teller = Teller(stage, OMILON, "Erik", "om.newsletter", "email")
    ledger, erik = teller.ledger, teller.person
    await teller.step(
        "agrees to the newsletter",
        lambda: ledger.grant(erik, purpose="om.newsletter", channel="email", notice=OMILON.notice),
        "allow (consent_given)",
    )
    before = await teller.answer()
    standing = await ledger.standing(erik)
    if standing.subject_id is None:
        raise AssertionError("a person with a grant has no subject id")
    key = bytes.fromhex(standing.subject_id)
    bootstrap = stage.environment["LEDGER_KAFKA_BOOTSTRAP"]
    await append_raw(bootstrap, f"ledger.{OMILON.name}.events", key, b"\xc3\x01 broken")
    started = time.monotonic()
    after = before
    while after == before and time.monotonic() - started < CHECK_DEADLINE_SECONDS:
        after = await teller.answer()
    delay_ms = (time.monotonic() - started) * 1000
    teller.story.steps.append(
        Step(
            "a broken record about him reaches the log: in doubt, so no",
            before,
            after,
            "deny (quarantined)",
            delay_ms,
            recorded=0,
        )
    )
    return teller.story


async def _farid(stage: Stage) -> Story:
    teller = Teller(stage, KLINGIT, "Farid", "kl.improve", None)
    ledger, farid = teller.ledger, teller.person
    await teller.step(
        "registers; improving the service rests on a weighed interest, not on consent",
        lambda: ledger.notice_served(farid, notice="interests@1", language="sv"),
        "allow (legitimate_interests)",
    )
    await teller.step(
        "objects to it",
        lambda: ledger.object_to(farid, purpose="kl.improve"),
        "deny (objected)",
    )
    return teller.story
