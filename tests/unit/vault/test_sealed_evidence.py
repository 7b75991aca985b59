"""Evidence on its way: opened by the ledger alone, as one controller's and one subject's."""

import os

import pytest

from ledger.domain.evidence import Evidence
from ledger.errors import IntegrityViolation, MalformedRecord
from ledger.sealing import public_key_of
from ledger.vault import keys
from ledger.vault.sealed_evidence import SaltedEvidence, open_evidence, seal_evidence

KEY, OTHER_KEY = os.urandom(32), os.urandom(32)
SUBJECT, OTHER = os.urandom(16), os.urandom(16)
SALTED = SaltedEvidence(SUBJECT, os.urandom(32), Evidence(ip="203.0.113.77", form="signup"))


def sealed() -> bytes:
    return seal_evidence(public_key_of(KEY), "klingit", SALTED)


def test_the_ledger_opens_what_was_sealed_and_finds_its_commitment() -> None:
    found = open_evidence(KEY, "klingit", SUBJECT, sealed())
    assert found == SALTED and found.commitment == SALTED.commitment
    assert sealed() != sealed()
    assert b"203.0.113.77" not in sealed() and b"signup" not in sealed()


@pytest.mark.parametrize("what", ["key", "controller", "subject", "cut", "empty", "longer"])
def test_anything_else_is_unreadable_and_says_so_in_one_way(what: str) -> None:
    value = {"cut": sealed()[:-1], "empty": b"", "longer": sealed() + b"\0"}.get(what, sealed())
    with pytest.raises(MalformedRecord) as refusal:
        open_evidence(
            OTHER_KEY if what == "key" else KEY,
            "omilon" if what == "controller" else "klingit",
            OTHER if what == "subject" else SUBJECT,
            value,
        )
    assert refusal.value.code == "evidence_unreadable"


def test_a_stored_row_opens_under_its_own_commitment_alone() -> None:
    kek = os.urandom(32)
    key, _ = keys.make_subject_key(kek, 1, SUBJECT)
    row = keys.seal_evidence(key, b"evidence", 1, SUBJECT, SALTED.commitment)
    assert keys.open_evidence(key, row, 1, SUBJECT, SALTED.commitment) == b"evidence"
    for controller, subject, commitment in (
        (2, SUBJECT, SALTED.commitment),
        (1, OTHER, SALTED.commitment),
        (1, SUBJECT, bytes(32)),
    ):
        with pytest.raises(IntegrityViolation):
            keys.open_evidence(key, row, controller, subject, commitment)
