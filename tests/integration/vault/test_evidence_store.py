"""Evidence in the vault: kept once, under its subject's key, and for nobody who is not active."""

import os
from typing import Any

import pytest

from ledger.domain.evidence import Evidence
from ledger.domain.identifiers import email
from ledger.errors import IntegrityViolation
from ledger.sealing import public_key_of
from ledger.vault.directory import Controller, Directory
from ledger.vault.evidence import Arrived, EvidenceStore, Outcome
from ledger.vault.sealed_evidence import SaltedEvidence, seal_evidence
from ledger.vault.secrets import Secrets

pytestmark = pytest.mark.services

EVIDENCE = Evidence(ip="203.0.113.77", form="signup")


@pytest.fixture
def vault(shared_vault: Any) -> Any:
    """One vault for all of them: each has a controller of its own in it."""
    return shared_vault


@pytest.fixture
def store(vault: Any, own_secrets: Secrets) -> EvidenceStore:
    return EvidenceStore(vault, own_secrets)


@pytest.fixture
async def subject(directory: Directory, alone: Controller) -> bytes:
    (entry,) = await directory.resolve(alone, [email("anna@example.se")])
    return entry.subject_id


def arrived(secrets: Secrets, controller: Controller, subject_id: bytes) -> Arrived:
    salted = SaltedEvidence(subject_id, os.urandom(32), EVIDENCE)
    return Arrived(
        subject_id,
        seal_evidence(public_key_of(secrets.sealing_key), controller.name, salted),
        1_760_000_000_000,
    )


async def test_the_same_record_read_again_is_kept_once(
    store: EvidenceStore, own_secrets: Secrets, alone: Controller, subject: bytes
) -> None:
    one, two = (arrived(own_secrets, alone, subject) for _ in range(2))
    for _ in range(2):
        outcomes = await store.store(alone, [one, two, one])
        assert outcomes[Outcome.KEPT] == 3
    kept = await store.of(alone, subject)
    assert [found.evidence for found in kept] == [EVIDENCE] * 2
    # The same words twice are two commitments: each has a salt of its own.
    assert len({found.commitment for found in kept}) == 2


@pytest.mark.parametrize("state", ["blocked", "destroyed"])
async def test_nothing_is_kept_for_a_person_who_is_not_active(
    store: EvidenceStore, own_secrets: Secrets, alone: Controller, subject: bytes, vault: Any, state: str
) -> None:
    await vault.execute(
        "update vault.subject set state = $2,"
        " wrapped_key = case when $2 = 'destroyed' then null else wrapped_key end where subject_id = $1",
        subject,
        state,
    )
    stranger = os.urandom(16)
    records = [arrived(own_secrets, alone, subject_id) for subject_id in (subject, stranger)]
    outcomes = await store.store(alone, records)
    assert (outcomes[Outcome.KEPT], outcomes[Outcome.SUBJECT_NOT_ACTIVE]) == (0, 2)
    assert await store.of(alone, subject) == await store.of(alone, stranger) == []
    found = await vault.fetchval("select count(*) from vault.subject where controller_id = $1", alone.id)
    assert found == 1


async def test_what_was_sealed_for_another_is_unreadable_and_keeps_nobody_elses_back(
    store: EvidenceStore, own_secrets: Secrets, alone: Controller, subject: bytes
) -> None:
    good = arrived(own_secrets, alone, subject)
    foreign = arrived(own_secrets, Controller(alone.id, "omilon"), subject)
    stolen = arrived(own_secrets, alone, os.urandom(16))._replace(subject_id=subject)
    empty = Arrived(b"", b"", 0)
    outcomes = await store.store(alone, [foreign, stolen, empty, good])
    assert (outcomes[Outcome.KEPT], outcomes[Outcome.UNREADABLE]) == (1, 3)


async def test_a_row_that_was_moved_does_not_open(
    store: EvidenceStore, own_secrets: Secrets, alone: Controller, subject: bytes, vault: Any
) -> None:
    await store.store(alone, [arrived(own_secrets, alone, subject)])
    await vault.execute(
        "update vault.evidence set commitment = $2 where subject_id = $1", subject, os.urandom(32)
    )
    with pytest.raises(IntegrityViolation) as refusal:
        await store.of(alone, subject)
    assert refusal.value.code == "vault_unreadable"
