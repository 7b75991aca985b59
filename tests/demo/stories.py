"""The chosen people of the day, each for one thing that must not go wrong."""

import asyncio
from datetime import UTC, datetime, timedelta

from ledger.sdk import Saved, account, email
from tests.demo.companies import KLINGIT, LEETCOM, MILKINGCLOUD, OMILON, Company
from tests.demo.raw_log import append_raw
from tests.demo.stage import Stage
from tests.demo.telling import Story, Teller

BROKEN_TOPIC = f"ledger.{OMILON.name}.events"


async def tell_all(stage: Stage) -> list[Story]:
    """Every story of the morning, side by side."""
    tellers = (_anna, _bjorn, _cleo, _dagny, _farid, _gunilla, _hanna)
    return list(await asyncio.gather(*(teller(stage) for teller in tellers)))


async def tell_of_erik(stage: Stage) -> Teller:
    """The one about whom a broken record comes; it goes on in the evening."""
    teller = Teller(stage, OMILON, "Erik", "om.newsletter", "email")
    erik = teller.person
    await teller.step(
        "agrees to the newsletter",
        lambda: teller.ledger.grant(
            erik, purpose="om.newsletter", channel="email", notice=OMILON.newsletter.notice
        ),
        "allow (consent_given)",
    )
    before = await teller.answer()
    standing = await teller.ledger.standing(erik)
    if standing.subject_id is None:
        raise AssertionError("a person with a grant has no subject id")
    await append_raw(stage.bootstrap, BROKEN_TOPIC, bytes.fromhex(standing.subject_id), b"\xc3\x01 broken")
    said = "a broken record about him reaches the log: in doubt, so no"
    await teller.watch(said, "deny (quarantined)", before=before)
    return teller


def _notice(company: Company) -> str:
    return company.sign_up[0].notice


async def _anna(stage: Stage) -> Story:
    teller = Teller(stage, OMILON, "Anna", "om.newsletter", "email")
    ledger, anna = teller.ledger, teller.person
    await teller.step(
        "signs up, ticks newsletter, leaves surveys unticked",
        lambda: ledger.save_choices(
            anna, notice=_notice(OMILON), channel="email", granted=["om.newsletter"], refused=["om.survey"]
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
        lambda: ledger.grant(
            anna, purpose="om.newsletter", channel="email", notice=_notice(OMILON), seen=page
        ),
        "allow (consent_given)",
    )
    return teller.story


async def _bjorn(stage: Stage) -> Story:
    bjorn = email("bjorn@example.se")
    teller = Teller(stage, OMILON, "Björn", "om.offer", "email", bjorn)
    ledger = teller.ledger
    await teller.step(
        "agrees to offers on the web site",
        lambda: ledger.grant(bjorn, purpose="om.offer", channel="email", notice=_notice(OMILON)),
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
    about = {"purpose": "kl.promo", "channel": "email", "notice": _notice(KLINGIT)}
    await teller.step("says no on a form", lambda: ledger.refuse(cleo, **about), "deny (refused)")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    async def grant_with_a_stale_clock() -> Saved:
        saved = await ledger.grant(cleo, **about, occurred_at=an_hour_ago)
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
        lambda: ledger.grant(cleo, **about, occurred_at=an_hour_ago, seen=page),
        "allow (consent_given)",
    )
    return teller.story


async def _dagny(stage: Stage) -> Story:
    teller = Teller(stage, KLINGIT, "Dagny", "kl.promo", "email")
    ledger, dagny = teller.ledger, teller.person
    key = "dagny-withdraws-once"
    about = {"purpose": "kl.promo", "channel": "email"}
    await teller.step(
        "withdraws; nobody ever saw a grant of hers",
        lambda: ledger.withdraw(dagny, **about, idempotency_key=key),
        "deny (withdrawn)",
    )
    await teller.step(
        "the grant she made ten minutes earlier arrives, out of an outbox",
        lambda: ledger.grant(dagny, **about, notice=_notice(KLINGIT), waited_ms=10 * 60 * 1000),
        "deny (withdrawn)",
    )
    await teller.step(
        "the withdrawal is sent once more under its key",
        lambda: ledger.withdraw(dagny, **about, idempotency_key=key),
        "deny (withdrawn)",
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
        "objects to it", lambda: ledger.object_to(farid, purpose="kl.improve"), "deny (objected)"
    )
    return teller.story


async def _gunilla(stage: Stage) -> Story:
    teller = Teller(stage, LEETCOM, "Gunilla", "le.marketing.newsletter", "email")
    ledger, gunilla = teller.ledger, teller.person
    notice = LEETCOM.newsletter.notice
    await teller.step(
        "writes her address in a form; a mail goes out that asks whether it is hers: no yes yet",
        lambda: ledger.notice_served(gunilla, notice=notice, language="en"),
        "deny (no_consent)",
    )
    await teller.step(
        "clicks in that mail: a yes, and the address is proved (double opt-in)",
        lambda: ledger.grant(
            gunilla, purpose="le.marketing.newsletter", channel="email", notice=notice, verified=True
        ),
        "allow (consent_given)",
    )
    return teller.story


async def _hanna(stage: Stage) -> Story:
    hanna, banner = account("device-of-hanna"), MILKINGCLOUD.banner
    teller = Teller(stage, MILKINGCLOUD, "Hanna", "mc.cookies.mixpanel", "web", hanna)
    ledger = teller.ledger
    await teller.step(
        "her browser, which nobody has a name for, accepts every cookie in the banner",
        lambda: ledger.save_choices(hanna, notice=banner.notice, channel="web", granted=banner.purposes),
        "allow (consent_given)",
    )
    await teller.step(
        "opens the banner again and takes back all web analytics, three tools in one click",
        lambda: ledger.withdraw(hanna, purpose_group="analytics", channel="web"),
        "deny (withdrawn)",
    )
    return teller.story
