"""Evidence in the vault: out of its topic, under the key of its subject, and gone with that key.

Stored only for a subject that is active, whose row stays locked meanwhile; for a person under erasure or erased it is
dropped, and no key is ever made for it (races.md, D7).
"""

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

from ledger.domain.evidence import Evidence
from ledger.errors import MalformedRecord
from ledger.read_model import pool, sql
from ledger.vault import keys
from ledger.vault.controllers import Controller
from ledger.vault.directory import SubjectState
from ledger.vault.sealed_evidence import SaltedEvidence, open_evidence
from ledger.vault.secrets import Secrets

__all__ = ["Arrived", "EvidenceStore", "KeptEvidence", "Outcome"]

_QUERIES: Final = "ledger.vault.queries"


class Outcome(str, Enum):
    """What became of one record: kept (or kept before), dropped since its subject is not active, or unreadable."""

    KEPT = "kept"
    SUBJECT_NOT_ACTIVE = "subject_not_active"
    UNREADABLE = "unreadable"


class Arrived(NamedTuple):
    """One record of an evidence topic. ``broker_ms`` is the log's own time of it."""

    subject_id: bytes
    sealed: bytes
    broker_ms: int


class KeptEvidence(NamedTuple):
    """Evidence as it was kept; its commitment is what the event bears."""

    commitment: bytes
    taken_ms: int
    evidence: Evidence


class EvidenceStore:
    """The table ``vault.evidence`` through a pool of connections to it."""

    def __init__(self, vault: Any, secrets: Secrets) -> None:
        self._vault = vault
        self._secrets = secrets

    async def store(self, controller: Controller, arrived: Sequence[Arrived]) -> Counter[Outcome]:
        """Stores what can be stored and says what became of how many; durable on return, and repeatable.

        Raises ``Unavailable`` when Postgres does not answer or the rows stay locked: nothing is stored then.
        """
        opened = [(one, salted) for one in arrived if (salted := self._opened(controller, one)) is not None]
        outcomes = Counter({Outcome.UNREADABLE: len(arrived) - len(opened)})
        subject_ids = sorted({salted.subject_id for _, salted in opened})
        async with pool.borrowed(self._vault) as connection, connection.transaction():
            found = await connection.fetch(
                sql.load("evidence_subjects", _QUERIES), controller.id, subject_ids
            )
            active = {
                row["subject_id"]: self._key(controller, row["subject_id"], row["wrapped_key"])
                for row in found
                if row["state"] == SubjectState.ACTIVE.value
            }
            rows = [
                self._row(controller, one, salted, active[salted.subject_id])
                for one, salted in opened
                if salted.subject_id in active
            ]
            if rows:
                await connection.execute(
                    sql.load("evidence_add", _QUERIES),
                    controller.id,
                    *(list(column) for column in zip(*rows, strict=True)),
                )
        outcomes[Outcome.KEPT] = len(rows)
        outcomes[Outcome.SUBJECT_NOT_ACTIVE] = len(opened) - len(rows)
        return outcomes

    async def of(self, controller: Controller, subject_id: bytes) -> list[KeptEvidence]:
        """What is kept about this subject's acts, oldest first; empty for one that is destroyed or unknown.

        Raises ``IntegrityViolation(vault_unreadable)`` when a row was moved or changed.
        """
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(
                sql.load("evidence_of_subject", _QUERIES), controller.id, subject_id
            )
        kept = []
        for row in rows:
            commitment = row["commitment"]
            key = self._key(controller, subject_id, row["wrapped_key"])
            opened = keys.open_evidence(key, row["sealed"], controller.id, subject_id, commitment)
            salted = msgspec.msgpack.decode(opened, type=SaltedEvidence)
            kept.append(KeptEvidence(commitment, row["taken_ms"], salted.evidence))
        return kept

    def _opened(self, controller: Controller, one: Arrived) -> SaltedEvidence | None:
        try:
            return open_evidence(self._secrets.sealing_key, controller.name, one.subject_id, one.sealed)
        except MalformedRecord:
            return None

    def _key(self, controller: Controller, subject_id: bytes, wrapped: bytes) -> bytes:
        return keys.unwrap_subject_key(self._secrets.key_encryption_key, wrapped, controller.id, subject_id)

    def _row(
        self, controller: Controller, one: Arrived, salted: SaltedEvidence, key: bytes
    ) -> tuple[bytes, bytes, bytes, int]:
        commitment = salted.commitment
        sealed = keys.seal_evidence(
            key, msgspec.msgpack.encode(salted), controller.id, salted.subject_id, commitment
        )
        return commitment, salted.subject_id, sealed, one.broker_ms
