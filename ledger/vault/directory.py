"""From what the world calls a person to the subject id that the log knows them by, and for nobody else back.

The life of one new identifier: its blind index is computed, a subject id and a key are drawn, the identifier is
sealed under that key, and one statement inserts directory row and subject row together. Whoever loses the race for
a blind index inserts nothing and takes the winner's subject id. Batches are inserted in order of blind index, so
that concurrent callers wait for each other in one direction only (unsorted, 28 of 40 batches deadlocked in a
measurement; sorted, none: races.md, D34).
"""

import os
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from ledger.domain.identifiers import Identifier, blind_index
from ledger.errors import Unavailable
from ledger.read_model import pool, sql
from ledger.vault import keys
from ledger.vault.controllers import Controller
from ledger.vault.secrets import PEPPER_EPOCH, Secrets
from ledger.vault.suppressions import Suppressions

__all__ = ["Controller", "Directory", "Entry", "SubjectState"]

SUBJECT_ID_BYTES: Final = 16
# A row that lost the race and is gone when read again was erased in between; thrice in a row is no accident.
MAX_RESOLVE_ATTEMPTS: Final = 3
MAX_BATCH: Final = 1000

_QUERIES: Final = "ledger.vault.queries"


class SubjectState(str, Enum):
    ACTIVE = "active"
    BLOCKED = "blocked"
    DESTROYED = "destroyed"


class Entry(NamedTuple):
    """A subject of this controller. Only an active one may be granted or linked anything: the caller must look.

    Valid for 60 s at most (design.md): keep no entry longer, and count from before the call. ``carry_pending``: the
    person was erased before, and the id is handed out to nobody until :class:`ledger.vault.carrying.Resolver` has
    put what outlived that on the log.
    """

    subject_id: bytes
    state: SubjectState
    created: bool = False
    carry_pending: bool = False

    @property
    def is_active(self) -> bool:
        return self.state is SubjectState.ACTIVE


class Directory:
    """The vault's directory through a pool of connections to it."""

    def __init__(self, vault: Any, secrets: Secrets) -> None:
        self._vault = vault
        self._secrets = secrets
        self._suppressions = Suppressions(vault, secrets)

    async def lookup(self, controller: Controller, who: Sequence[Identifier]) -> list[Entry | None]:
        """The entry of each identifier in the order given, None where nobody is known; creates nothing, ever."""
        indexes = self._indexes(controller, who)
        async with pool.borrowed(self._vault) as connection:
            found = await self._find(connection, controller, set(indexes))
        return [found.get(index) for index in indexes]

    async def resolve(self, controller: Controller, who: Sequence[Identifier]) -> list[Entry]:
        """The entry of each identifier in the order given, made where there was none; durable on return.

        Different identifiers are different subjects: what belongs together is
        joined by a link alone. Entries that are not active, or whose carry is pending, are reported as they are.
        """
        indexes = self._indexes(controller, who)
        wanted = dict(zip(indexes, who, strict=True))
        async with pool.borrowed(self._vault) as connection:
            found = await self._find(connection, controller, wanted)
            for _ in range(MAX_RESOLVE_ATTEMPTS):
                missing = {index: wanted[index] for index in sorted(wanted.keys() - found.keys())}
                if not missing:
                    return [found[index] for index in indexes]
                made = await self._create(connection, controller, missing)
                found |= made
                if len(made) < len(missing):
                    found |= await self._find(connection, controller, missing.keys() - made.keys())
        raise Unavailable("postgres_unavailable", "The directory changed again and again while it was read.")

    async def known(self, controller: Controller, subject_ids: Sequence[bytes]) -> list[Entry | None]:
        """The entry of each subject id in the order given; None for one that this controller never had."""
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(
                sql.load("subject_state", _QUERIES), controller.id, list(set(subject_ids))
            )
        found = {row["subject_id"]: _entry(row) for row in rows}
        return [found.get(subject_id) for subject_id in subject_ids]

    async def identifiers_of(self, controller: Controller, subject_id: bytes) -> list[Identifier]:
        """What this subject is called, opened with its own key; empty for one that is destroyed or unknown.

        Raises ``IntegrityViolation(vault_unreadable)`` when a row was moved or changed.
        """
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(
                sql.load("directory_of_subject", _QUERIES), controller.id, subject_id
            )
        return [self.opened(controller, row) for row in rows]

    def _indexes(self, controller: Controller, who: Sequence[Identifier]) -> list[bytes]:
        if len(who) > MAX_BATCH:
            raise ValueError(f"a batch of {len(who)} identifiers; at most {MAX_BATCH} hold locks at a time")
        return [blind_index(self._secrets.pepper, controller.name, identifier) for identifier in who]

    async def _find(
        self, connection: Any, controller: Controller, indexes: Iterable[bytes]
    ) -> dict[bytes, Entry]:
        query = sql.load("directory_find", _QUERIES)
        rows = await connection.fetch(query, controller.id, PEPPER_EPOCH, list(indexes))
        return {row["blind_index"]: _entry(row) for row in rows}

    async def _create(
        self, connection: Any, controller: Controller, missing: dict[bytes, Identifier]
    ) -> dict[bytes, Entry]:
        rows = [self._new_row(controller, index, identifier) for index, identifier in missing.items()]
        async with connection.transaction():
            inserted = await connection.fetch(
                sql.load("directory_create", _QUERIES),
                controller.id,
                PEPPER_EPOCH,
                keys.KEY_EPOCH,
                *_columns(rows),
            )
            made = {row["blind_index"]: row["subject_id"] for row in inserted}
            # Asked once the rows are there: whatever erasure let go of these names before has committed by now.
            erased = await self._suppressions.kept_for(connection, controller.id, list(made))
            if erased:
                await connection.execute(
                    sql.load("subject_carry_pending", _QUERIES),
                    controller.id,
                    [made[index] for index in sorted(erased)],
                )
        return {
            index: Entry(subject_id, SubjectState.ACTIVE, created=True, carry_pending=index in erased)
            for index, subject_id in made.items()
        }

    def _new_row(self, controller: Controller, index: bytes, who: Identifier) -> tuple[object, ...]:
        subject_id = os.urandom(SUBJECT_ID_BYTES)
        key, wrapped = keys.make_subject_key(self._secrets.key_encryption_key, controller.id, subject_id)
        sealed = keys.seal_identifier(key, who, controller.id, subject_id, index)
        return index, subject_id, wrapped, who.kind.value, who.normaliser, sealed

    def opened(self, controller: Controller, row: Any) -> Identifier:
        """The identifier of a directory row that comes with its subject's wrapped key.

        Raises ``IntegrityViolation(vault_unreadable)`` when the row was moved or changed.
        """
        kek = self._secrets.key_encryption_key
        key = keys.unwrap_subject_key(kek, row["wrapped_key"], controller.id, row["subject_id"])
        return keys.open_identifier(
            key,
            row["sealed_identifier"],
            kind=row["identifier_type"],
            normaliser=row["normaliser"],
            controller_id=controller.id,
            subject_id=row["subject_id"],
            blind_index=row["blind_index"],
        )


def _entry(row: Any) -> Entry:
    return Entry(row["subject_id"], SubjectState(row["state"]), carry_pending=row["carry_pending"])


def _columns(rows: list[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
