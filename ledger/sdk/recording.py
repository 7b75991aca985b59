"""How acts are recorded: the names that every ledger of the SDK has, async, sync and in memory.

Written once; what the calls return differs: the async ledger returns awaitables, the sync one the values.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Generic, TypeVar, Unpack

from ledger.sdk.acts import Circumstances, choices, state
from ledger.sdk.answers import HasPosition
from ledger.sdk.people import Person
from ledger.sdk.statements import Statement

__all__ = ["Recording"]

SavedT = TypeVar("SavedT")

Seen = str | HasPosition | None
"""The position with which the person's screen was loaded *before* the act; never one that was read on the way."""


class Recording(ABC, Generic[SavedT]):
    """Record what a person or a controller did.

    Every act is one call with one idempotency key; a retry within the SDK or by the caller under the same key has
    one effect. An act raises ``Rejected`` for a defect (a protective one drops and reports it instead) and
    ``Unavailable`` when nobody acknowledged it; it never claims success otherwise. Keyword arguments shared by all
    acts are those of :class:`~ledger.sdk.acts.Circumstances`.
    """

    @abstractmethod
    def _record(self, statement: Statement) -> SavedT: ...

    # The yeses take `seen`: without it, a yes within two minutes after a no loses to it.

    def grant(
        self,
        person: Person,
        *,
        purpose: str,
        notice: str,
        channel: str | None = None,
        recipient: str | None = None,
        item: str | None = None,
        category: str | None = None,
        expires_at: datetime | str | None = None,
        verified: bool = False,
        seen: Seen = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """Consent to one purpose, after the text of ``notice`` was shown (GDPR art. 6(1)(a), 7).

        ``verified``: the identifier was proved to be the person's, as by the click in a mail that was sent to it
        (double opt-in). Only such a grant lifts a no from before an erasure.
        """
        act = {
            "act": "grant",
            "purpose": purpose,
            "notice": notice,
            "channel": channel,
            "recipient": recipient,
            "item": item,
            "category": category,
            "expires_at": expires_at,
            "verified": verified or None,
        }
        return self._record(state(person, [act], circumstances, seen))

    def opt_in(
        self,
        person: Person,
        *,
        purpose: str | None = None,
        message_class: str | None = None,
        purpose_group: str | None = None,
        channel: str | None = None,
        topic: str | None = None,
        seen: Seen = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """A preference *in* for a purpose, message class or group: lifts an earlier no, but is no consent."""
        act = {
            "act": "preference_in",
            "purpose": purpose,
            "message_class": message_class,
            "purpose_group": purpose_group,
            "channel": channel,
            "topic": topic,
        }
        return self._record(state(person, [act], circumstances, seen))

    def save_choices(
        self,
        person: Person,
        *,
        notice: str,
        granted: Iterable[str] = (),
        refused: Iterable[str] = (),
        channel: str | None = None,
        seen: Seen = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """A form with several boxes as one act: noes are recorded first, and all are acknowledged on return."""
        return self._record(state(person, choices(granted, refused, notice, channel), circumstances, seen))

    def refuse(
        self,
        person: Person,
        *,
        purpose: str | None = None,
        purpose_group: str | None = None,
        channel: str | None = None,
        recipient: str | None = None,
        item: str | None = None,
        category: str | None = None,
        notice: str | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """The person was asked and said no. What is left out means everything, a purpose left out every purpose."""
        act = {
            "act": "refuse",
            "purpose": purpose,
            "purpose_group": purpose_group,
            "channel": channel,
            "recipient": recipient,
            "item": item,
            "category": category,
            "notice": notice,
        }
        return self._record(state(person, [act], circumstances))

    def withdraw(
        self,
        person: Person,
        *,
        purpose: str | None = None,
        purpose_group: str | None = None,
        channel: str | None = None,
        recipient: str | None = None,
        item: str | None = None,
        category: str | None = None,
        notice: str | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """Consent is taken back (GDPR art. 7(3)); valid without a grant. What is left out means everything."""
        act = {
            "act": "withdraw",
            "purpose": purpose,
            "purpose_group": purpose_group,
            "channel": channel,
            "recipient": recipient,
            "item": item,
            "category": category,
            "notice": notice,
        }
        return self._record(state(person, [act], circumstances))

    def unsubscribe(
        self,
        person: Person,
        *,
        purpose: str,
        channel: str | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """The catalogue chooses between withdrawing, objecting and opting out: the caller cannot know the basis."""
        act = {"act": "unsubscribe", "purpose": purpose, "channel": channel}
        return self._record(state(person, [act], circumstances))

    def object_to(
        self,
        person: Person,
        *,
        purpose: str | None = None,
        purpose_group: str | None = None,
        channel: str | None = None,
        recipient: str | None = None,
        item: str | None = None,
        category: str | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """An objection (GDPR art. 21): stops direct marketing at once, and every declinable use until decided."""
        act = {
            "act": "object",
            "purpose": purpose,
            "purpose_group": purpose_group,
            "channel": channel,
            "recipient": recipient,
            "item": item,
            "category": category,
        }
        return self._record(state(person, [act], circumstances))

    def opt_out(
        self,
        person: Person,
        *,
        purpose: str | None = None,
        message_class: str | None = None,
        purpose_group: str | None = None,
        channel: str | None = None,
        topic: str | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """A preference *out*: blocks every basis alike. What is left out means everything."""
        act = {
            "act": "preference_out",
            "purpose": purpose,
            "message_class": message_class,
            "purpose_group": purpose_group,
            "channel": channel,
            "topic": topic,
        }
        return self._record(state(person, [act], circumstances))

    def notice_served(
        self,
        person: Person,
        *,
        notice: str,
        language: str | None = None,
        **circumstances: Unpack[Circumstances],
    ) -> SavedT:
        """The person was shown a notice (GDPR art. 13). Decides nothing."""
        return self._record(
            state(person, [{"act": "notice_served", "notice": notice, "language": language}], circumstances)
        )
