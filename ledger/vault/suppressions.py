"""What outlives an erasure: the noes of a person who is forgotten, and that they were, under a digest of their name.

The digest is an HMAC, under a pepper of its own, of the blind index that the directory had: it can be made from a
directory row without knowing the name, and from a name that comes back, and from nothing else. It lies apart from the
vault, in the schema ``suppression``, because it is backed up long and the vault short (races.md, D9, D38).
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from ledger.domain.carrying import CarriedNo, Match, kept_noes, told_by_the_day
from ledger.domain.identifiers import Identifier, blind_index
from ledger.domain.rows import Row
from ledger.read_model import pool, sql
from ledger.vault.controllers import Controller
from ledger.vault.secrets import Secrets

__all__ = ["SUPPRESSION_EPOCH", "CarriedNo", "Match", "Suppressions"]

SUPPRESSION_EPOCH: Final = 1
DIGEST_BYTES: Final = 16
_DOMAIN: Final = b"consent-ledger suppression v1"
_QUERIES: Final = "ledger.vault.queries"


class Suppressions:
    """The schema ``suppression``, through a pool of the vault's database."""

    def __init__(self, vault: Any, secrets: Secrets) -> None:
        self._vault = vault
        self._secrets = secrets

    def digest(self, controller_id: int, index: bytes) -> bytes:
        """What an erased identifier is known by, from its blind index."""
        message = msgspec.msgpack.encode((_DOMAIN, controller_id, index))
        return hmac.new(self._secrets.suppression_pepper, message, hashlib.sha256).digest()[:DIGEST_BYTES]

    async def matches(self, controller: Controller, who: Sequence[Identifier]) -> list[Match | None]:
        """What is kept about each identifier, in the order given; None where nothing is, as for any stranger."""
        digests = [
            self.digest(controller.id, blind_index(self._secrets.pepper, controller.name, one)) for one in who
        ]
        async with pool.borrowed(self._vault) as connection:
            noes = await connection.fetch(
                sql.load("suppression_find", _QUERIES), controller.id, SUPPRESSION_EPOCH, digests
            )
            markers = await connection.fetch(
                sql.load("erased_before_find", _QUERIES), controller.id, SUPPRESSION_EPOCH, digests
            )
        kept: dict[bytes, list[CarriedNo]] = {}
        for row in noes:
            kept.setdefault(row["digest"], []).append(CarriedNo(*(row[name] for name in CarriedNo._fields)))
        erased = {row["digest"]: row["erased_before_ms"] for row in markers}
        return [
            Match(tuple(kept.get(digest, ())), erased.get(digest))
            if digest in kept or digest in erased
            else None
            for digest in digests
        ]

    async def kept_for(self, connection: Any, controller_id: int, indexes: Sequence[bytes]) -> set[bytes]:
        """Those of the blind indexes whose person was erased, as the caller's transaction sees it now."""
        digests = {self.digest(controller_id, index): index for index in indexes}
        rows = await connection.fetch(
            sql.load("suppression_exists", _QUERIES), controller_id, SUPPRESSION_EPOCH, list(digests)
        )
        return {digests[row["digest"]] for row in rows}

    async def keep(
        self,
        connection: Any,
        *,
        controller_id: int,
        indexes: Iterable[bytes],
        noes: Sequence[Row],
        erased_before_ms: int,
    ) -> None:
        """Keeps the ``noes``, and that the person was erased, for each blind index, in the caller's transaction.

        Both by the day: an exact rank would name the record of the old subject. Repeatable: a no that is kept already keeps its greatest rank, a marker its latest date.
        """
        for index in sorted(indexes):
            digest = self.digest(controller_id, index)
            await connection.execute(
                sql.load("erased_before_keep", _QUERIES),
                controller_id,
                SUPPRESSION_EPOCH,
                digest,
                told_by_the_day(erased_before_ms),
            )
            if noes:
                await connection.execute(
                    sql.load("suppression_keep", _QUERIES),
                    controller_id,
                    SUPPRESSION_EPOCH,
                    digest,
                    *(list(column) for column in zip(*kept_noes(noes), strict=True)),
                )
