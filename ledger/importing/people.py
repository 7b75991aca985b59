"""The people of a list: who is known, who must stay unknown, and the one place where an import makes anybody known."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from ledger.domain.identifiers import Identifier, blind_index
from ledger.vault.carrying import Append, Resolver
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory, Entry
from ledger.vault.late_noes import HeldSubject, LateNoes
from ledger.vault.secrets import Secrets
from ledger.vault.suppressions import Match, Suppressions

__all__ = ["People"]


class People:
    """The vault, for one controller. Batches hold at most 1,000 identifiers."""

    def __init__(self, controller: Controller, vault: Any, secrets: Secrets, append: Append) -> None:
        self._controller = controller
        self._secrets = secrets
        self._directory = Directory(vault, secrets)
        self._suppressions = Suppressions(vault, secrets)
        self._late_noes = LateNoes(vault)
        self._resolver = Resolver(vault, self._directory, self._suppressions, append)

    def index(self, who: Identifier) -> bytes:
        """The blind index, by which lines about one person are found; it stays in this process."""
        return blind_index(self._secrets.pepper, self._controller.name, who)

    async def known(self, who: Sequence[Identifier]) -> list[Entry | None]:
        """The entry of each; makes nobody known."""
        return await self._directory.lookup(self._controller, who)

    async def kept(self, who: Sequence[Identifier]) -> list[Match | None]:
        """What outlived an erasure of each: noes, and that imports are refused."""
        return await self._suppressions.matches(self._controller, who)

    def held(self, subject_id: bytes) -> AbstractAsyncContextManager[HeldSubject]:
        """A subject that is under erasure, which waits until its no is on the log (:mod:`ledger.vault.late_noes`)."""
        return self._late_noes.held(self._controller.id, subject_id)

    async def resolve(self, who: Sequence[Identifier]) -> list[Entry]:
        """The entry of each, made where there was none, with every no that outlived an erasure on the log before;
        valid for as long as a subject id may be kept."""
        return await self._resolver.resolve(self._controller, who) if who else []
