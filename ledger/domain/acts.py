"""What a person or controller did, as callers name it, and the event that each becomes.

The API's intake, the SDK over Kafka and the SDK's in-memory ledger all go through here, so that one act gives the
same event on every road. Whether an act may be recorded at all is said in :mod:`ledger.domain.admission`.
"""

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from ledger.domain.catalogue import Basis, Catalogue
from ledger.domain.events import (
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

__all__ = [
    "PROTECTIVE_KINDS",
    "YES_KINDS",
    "Act",
    "ActKind",
    "event_ids",
    "event_of",
    "noes_first",
    "unsubscribe_as",
]


class ActKind(str, Enum):
    """The acts of the first release, as ``POST /v1/acts`` names them."""

    GRANT = "grant"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    OBJECT = "object"
    PREFERENCE_IN = "preference_in"
    PREFERENCE_OUT = "preference_out"
    UNSUBSCRIBE = "unsubscribe"
    NOTICE_SERVED = "notice_served"


YES_KINDS: Final = frozenset({ActKind.GRANT, ActKind.PREFERENCE_IN})
"""Acts that can turn a deny into an allow: a defect refuses them."""

PROTECTIVE_KINDS: Final = frozenset(
    {ActKind.REFUSE, ActKind.WITHDRAW, ActKind.OBJECT, ActKind.PREFERENCE_OUT, ActKind.UNSUBSCRIBE}
)
"""Acts that only tighten: never refused or lost for a side reason."""


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act. In a no, a field left out means everything; ``expires_at`` is in ms since the epoch, UTC.

    ``verified``: whoever says yes was proved to own the identifier, as by a click in a mail that was sent to it.
    """

    act: ActKind
    purpose: str | None = None
    purpose_group: str | None = None
    channel: str | None = None
    recipient: str | None = None
    item: str | None = None
    category: str | None = None
    notice: str | None = None
    expires_at: int | None = None
    topic: str | None = None
    message_class: str | None = None
    language: str | None = None
    verified: bool = False

    @property
    def is_protective(self) -> bool:
        return self.act in PROTECTIVE_KINDS

    @property
    def is_yes(self) -> bool:
        return self.act in YES_KINDS

    @property
    def scope(self) -> Scope:
        """What the act is about, as the event carries it."""
        return Scope(
            purpose=self.purpose,
            purpose_group=self.purpose_group,
            channel=self.channel,
            recipient=self.recipient,
            item=self.item,
            category=self.category,
        )


def noes_first(acts: Iterable[Act]) -> tuple[Act, ...]:
    """The acts in the order in which they are recorded: a break-off in the middle leaves the safer half."""
    return tuple(sorted(acts, key=lambda act: act.is_yes))


def event_ids(act_id: bytes, count: int) -> tuple[bytes, ...]:
    """The ids of an act's events: the act's own id where it is one event, else made from act id and index.

    A retry under the same act id therefore sends the same event ids, and each has one effect.
    """
    if count == 1:
        return (act_id,)
    return tuple(hashlib.sha256(act_id + index.to_bytes(4, "big")).digest()[:16] for index in range(count))


def unsubscribe_as(catalogue: Catalogue | None, purpose: str | None) -> ActKind:
    """What "unsubscribe" means for a purpose: the caller cannot know on which basis it rests.

    Consent is withdrawn (GDPR art. 7(3)), legitimate interests are objected to (art. 21); everything else, and
    whatever no catalogue tells, is an opt-out, which blocks every basis alike.
    """
    known = catalogue.purposes.get(purpose) if catalogue is not None and purpose is not None else None
    if known is None:
        return ActKind.PREFERENCE_OUT
    if known.basis is Basis.CONSENT:
        return ActKind.WITHDRAW
    return ActKind.OBJECT if known.basis is Basis.LEGITIMATE_INTERESTS else ActKind.PREFERENCE_OUT


def event_of(act: Act, envelope: Envelope) -> SubjectEvent:
    """The event that records ``act``. An objection's episode is named by its event id, so a retry opens no second.

    ``unsubscribe`` must have been decided (:func:`unsubscribe_as`) and a yes admitted before.
    """
    match act.act:
        case ActKind.GRANT if act.notice is not None:
            return ConsentGiven(
                envelope=envelope,
                scope=act.scope,
                notice=act.notice,
                expires_at=act.expires_at,
                verified=act.verified,
            )
        case ActKind.REFUSE:
            return ConsentRefused(envelope=envelope, scope=act.scope, notice=act.notice)
        case ActKind.WITHDRAW:
            return ConsentWithdrawn(envelope=envelope, scope=act.scope, notice=act.notice)
        case ActKind.OBJECT:
            return ObjectionRaised(envelope=envelope, scope=act.scope, episode_id=envelope.event_id)
        case ActKind.PREFERENCE_IN | ActKind.PREFERENCE_OUT:
            direction = "in" if act.act is ActKind.PREFERENCE_IN else "out"
            return PreferenceSet(
                envelope=envelope,
                scope=act.scope,
                direction=direction,
                topic=act.topic,
                message_class=act.message_class,
            )
        case ActKind.NOTICE_SERVED if act.notice is not None:
            return NoticeServed(envelope=envelope, notice=act.notice, language=act.language)
    raise ValueError(f"{act.act.value} was not admitted before it was made an event")
