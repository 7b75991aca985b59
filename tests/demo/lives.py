"""People whose stories go through the whole day: erased at noon, and what comes after."""

import asyncio
from typing import NamedTuple

from ledger.sdk import Saved
from tests.demo.companies import HOSTING, KLINGIT, LEETCOM, MILKINGCLOUD
from tests.demo.forgetting import Asked, ask
from tests.demo.stage import Stage
from tests.demo.telling import Story, Teller


class Lives(NamedTuple):
    """Four people; each part of the day has a function of its own."""

    ivar: Teller
    jonna: Teller
    karim: Teller
    lena: Teller

    @property
    def stories(self) -> list[Story]:
        return [teller.story for teller in self]


async def begin(stage: Stage) -> Lives:
    """The morning: all four agree to something."""
    lives = Lives(
        Teller(stage, LEETCOM, "Ivar", "le.marketing.newsletter", "email"),
        Teller(stage, KLINGIT, "Jonna", "kl.promo", "email"),
        Teller(stage, HOSTING, "Karim", "ho.offers", "email"),
        Teller(stage, MILKINGCLOUD, "Lena", "mc.offers", "email"),
    )
    await asyncio.gather(*(_signs_up(teller) for teller in lives))
    ivar = lives.ivar
    await ivar.step(
        "unsubscribes",
        lambda: ivar.ledger.unsubscribe(ivar.person, **ivar.question),
        "deny (withdrawn)",
    )
    return lives


async def ask_for_erasure(stage: Stage, lives: Lives) -> list[Asked]:
    """Noon: all four ask, two of them for a part."""
    return [
        await ask(stage, LEETCOM, name_of(lives.ivar), [], []),
        await ask(stage, KLINGIT, name_of(lives.jonna), ["marketing"], []),
        await ask(stage, HOSTING, name_of(lives.karim), [], []),
        await ask(stage, MILKINGCLOUD, name_of(lives.lena), [], []),
    ]


def name_of(teller: Teller) -> str:
    """The person as the plan would name them."""
    return f"email:{teller.story.person.lower()}@example.se"


async def are_erased(lives: Lives) -> None:
    """What is answered once the ledger has done its part."""
    forgotten, agreed = "deny (subject_unknown)", "allow (consent_given)"
    known = "allow (legitimate_interests)"
    await lives.ivar.note(
        "asks to be erased altogether, and is: as unknown as a stranger", forgotten, before="deny (withdrawn)"
    )
    await lives.jonna.note("a customer, has her marketing data erased", "deny (erased)", before=agreed)
    said = "and what rests on her contract's data goes on: improving the service"
    await lives.jonna.note(said, known, before=known, purpose="kl.improve", channel=None)
    await lives.karim.note(
        "asks to be erased altogether; refused for his invoices, done for the rest", "deny (erased)", before=agreed
    )
    await lives.lena.note(
        "asks to be erased altogether; the contest firm is down and owes its answer", forgotten, before=agreed
    )


async def come_back(lives: Lives) -> None:
    """Afternoon: one of them signs up again, under the address that he had."""
    ivar = lives.ivar
    notice = LEETCOM.newsletter.notice

    async def again() -> Saved:
        return await ivar.ledger.grant(ivar.person, **ivar.question, notice=notice)

    await ivar.step(
        "comes back: a new subject id, and his old no still holds, since anybody can type an address",
        again,
        "deny (suppressed)",
    )
    page = await ivar.ledger.standing(ivar.person)
    await ivar.step(
        "clicks in the mail that was sent to it: now it is him",
        lambda: ivar.ledger.grant(ivar.person, **ivar.question, notice=notice, verified=True, seen=page),
        "allow (consent_given)",
    )


async def _signs_up(teller: Teller) -> None:
    form = teller.story.company.sign_up[0]
    await teller.step(
        "signs up and agrees",
        lambda: teller.ledger.grant(teller.person, **teller.question, notice=form.notice),
        "allow (consent_given)",
    )
