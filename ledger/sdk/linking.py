"""How two names of one person are joined: the name that every ledger of the SDK has, async, sync and in memory."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from ledger.errors import Rejected
from ledger.sdk.people import Person, checked_person

__all__ = ["Linking"]

LinkT = TypeVar("LinkT")


class Linking(ABC, Generic[LinkT]):
    """Join two names of one person (scope record)."""

    @abstractmethod
    def _link(self, person: Person, other: Person) -> LinkT: ...

    def link(self, person: Person, other: Person, *, verified: bool) -> LinkT:
        """Both are one person from now on: asked about, exported and erased together. Durable on return, repeatable.

        ``verified``: the person proved both to be theirs, as by a code sent to the new number while signed in. An
        unverified link raises ``Rejected(link_unverified)``: anybody could join a stranger's address to their own.
        Raises ``Conflict`` (``subject_not_active`` when one of them is under erasure, ``link_group_full``).
        """
        one, two = checked_person(person), checked_person(other)
        if verified is not True:
            raise Rejected("link_unverified", field="verified")
        return self._link(one, two)
