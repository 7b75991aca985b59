"""A subject's key opens what was sealed for that subject and that row, and nothing else."""

import os

import pytest

from ledger.domain.identifiers import email
from ledger.errors import IntegrityViolation
from ledger.vault import keys

KEK = bytes(range(32))
ANNA = email("anna@example.se")
SUBJECT, OTHER = b"s" * 16, b"o" * 16
INDEX = b"i" * 16
ROW = {"kind": "email", "normaliser": 1, "controller_id": 1, "subject_id": SUBJECT, "blind_index": INDEX}


def test_a_wrapped_key_opens_again_for_its_subject() -> None:
    key, wrapped = keys.make_subject_key(KEK, 1, SUBJECT)
    assert len(key) == 32 and key not in wrapped
    assert keys.unwrap_subject_key(KEK, wrapped, 1, SUBJECT) == key


def test_every_subject_gets_a_key_of_its_own() -> None:
    assert keys.make_subject_key(KEK, 1, SUBJECT)[0] != keys.make_subject_key(KEK, 1, SUBJECT)[0]


@pytest.mark.parametrize(
    ("kek", "controller_id", "subject_id"),
    [(os.urandom(32), 1, SUBJECT), (KEK, 2, SUBJECT), (KEK, 1, OTHER)],
    ids=["another key", "another controller", "another subject"],
)
def test_a_wrapped_key_opens_for_nobody_else(kek: bytes, controller_id: int, subject_id: bytes) -> None:
    wrapped = keys.make_subject_key(KEK, 1, SUBJECT)[1]
    with pytest.raises(IntegrityViolation, match="vault_unreadable"):
        keys.unwrap_subject_key(kek, wrapped, controller_id, subject_id)


@pytest.mark.parametrize("damage", [slice(0, 0), slice(0, 11), slice(0, -1)])
def test_a_cut_wrapped_key_is_an_integrity_violation(damage: slice) -> None:
    wrapped = keys.make_subject_key(KEK, 1, SUBJECT)[1]
    with pytest.raises(IntegrityViolation, match="vault_unreadable"):
        keys.unwrap_subject_key(KEK, wrapped[damage], 1, SUBJECT)


def test_a_sealed_identifier_opens_in_its_own_row() -> None:
    key, _ = keys.make_subject_key(KEK, 1, SUBJECT)
    sealed = keys.seal_identifier(key, ANNA, 1, SUBJECT, INDEX)
    assert b"anna" not in sealed
    assert keys.open_identifier(key, sealed, **ROW) == ANNA  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "moved",
    [
        {"kind": "account"},
        {"normaliser": 2},
        {"controller_id": 2},
        {"subject_id": OTHER},
        {"blind_index": OTHER},
    ],
)
def test_a_sealed_identifier_does_not_open_in_another_row(moved: dict[str, object]) -> None:
    key, _ = keys.make_subject_key(KEK, 1, SUBJECT)
    sealed = keys.seal_identifier(key, ANNA, 1, SUBJECT, INDEX)
    with pytest.raises(IntegrityViolation, match="vault_unreadable"):
        keys.open_identifier(key, sealed, **{**ROW, **moved})  # type: ignore[arg-type]
