"""A realistic mix of events for the benchmarks, the same for the same seed.

Sign-ups with several choices, refusals, withdrawals, preferences, a few objections; one record in fifty says that it
may be a repeat, and half of those are.
"""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from ledger.domain.events import (
    Capture,
    ConsentGiven,
    ConsentRefused,
    ConsentWithdrawn,
    Envelope,
    NoticeServed,
    ObjectionRaised,
    PreferenceSet,
    Scope,
    SubjectEvent,
)

__all__ = ["MIX", "Act", "acts", "subject_ids"]

MIX: Final = {
    "grant": 52, "refusal": 13, "withdrawal": 14, "opt-out": 8, "opt-in": 3, "objection": 3, "notice served": 7,
}  # fmt: skip
"""How many of a hundred events are of each kind."""

REPEAT_SHARE: Final = 0.02
_SCOPES: Final = (
    Scope(purpose="newsletter", channel="email"),
    Scope(purpose="newsletter", channel="email"),
    Scope(purpose="newsletter", channel="sms"),
    Scope(purpose="profiling"),
    Scope(purpose="sharing", recipient="acme", category="contact"),
    Scope(purpose="sharing", recipient="globex", category="behaviour"),
)
_NOTICES: Final = ("signup@1", "signup@3", "signup@3", "signup@3")


class Act(NamedTuple):
    """One record to be: the subject it is keyed by, and what it says."""

    subject_id: bytes
    event: SubjectEvent


def subject_ids(count: int, chance: random.Random) -> list[bytes]:
    """So many random subject ids."""
    return [chance.randbytes(16) for _ in range(count)]


def acts(
    controller: str, subjects: list[bytes], count: int, now_ms: int, chance: random.Random
) -> Iterator[Act]:
    """``count`` acts of uniformly drawn subjects."""
    kinds, weights = tuple(MIX), tuple(MIX.values())
    repeatable: list[Act] = []
    for kind in chance.choices(kinds, weights, k=count):
        if repeatable and chance.random() < REPEAT_SHARE / 2:
            yield _said_again(repeatable.pop())
            continue
        act = Act(chance.choice(subjects), _event(kind, _envelope(controller, now_ms, chance), chance))
        if chance.random() < REPEAT_SHARE / 2:
            act = _said_again(act)
        elif chance.random() < REPEAT_SHARE and len(repeatable) < 500:
            repeatable.append(act)
        yield act


def _event(kind: str, envelope: Envelope, chance: random.Random) -> SubjectEvent:
    scope = chance.choice(_SCOPES)
    match kind:
        case "grant":
            return ConsentGiven(
                envelope=envelope, scope=scope, notice=chance.choice(_NOTICES), capture_point="web-signup"
            )
        case "refusal":
            return ConsentRefused(envelope=envelope, scope=scope, notice="signup@3")
        case "withdrawal":
            return ConsentWithdrawn(envelope=envelope, scope=scope)
        case "opt-out":
            return PreferenceSet(
                envelope=envelope, scope=Scope(channel=chance.choice(("email", "sms"))), direction="out"
            )
        case "opt-in":
            return PreferenceSet(envelope=envelope, scope=scope, direction="in")
        case "objection":
            return ObjectionRaised(
                envelope=envelope, scope=Scope(purpose="offers"), episode_id=chance.randbytes(16)
            )
        case _:
            return NoticeServed(envelope=envelope, notice=chance.choice(_NOTICES), language="sv")


def _envelope(controller: str, now_ms: int, chance: random.Random) -> Envelope:
    return Envelope(
        event_id=chance.randbytes(16),
        act_id=chance.randbytes(16),
        controller=controller,
        source=chance.choice(("web", "web", "app", "shop")),
        capture=chance.choice((Capture.SELF, Capture.SELF, Capture.DEVICE, Capture.PHONE)),
        occurred_at=now_ms - chance.randrange(60_000) if chance.random() < 0.5 else None,
        waited_ms=chance.randrange(200),
        catalogue_version=1,
    )


def _said_again(act: Act) -> Act:
    return Act(act.subject_id, replace(act.event, envelope=replace(act.event.envelope, may_be_repeat=True)))
