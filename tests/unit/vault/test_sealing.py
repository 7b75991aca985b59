"""An identifier sealed to the ledger is readable by the ledger, for that controller, and by nobody else."""

import os

import pytest

from ledger.domain.identifiers import account, email, phone
from ledger.errors import Rejected
from ledger.vault.sealing import open_sealed, public_key_of, seal

SEALING_KEY = bytes(range(1, 33))
ANNA = email("anna@example.se")


@pytest.mark.parametrize("who", [ANNA, phone("+46701740605"), account("Kund 4711")])
def test_a_sealed_identifier_opens_as_it_was(who: object) -> None:
    sealed = seal(public_key_of(SEALING_KEY), "klingit", who)  # type: ignore[arg-type]
    assert open_sealed(SEALING_KEY, "klingit", sealed) == who


def test_sealing_twice_gives_two_texts_that_cannot_be_matched() -> None:
    public_key = public_key_of(SEALING_KEY)
    assert seal(public_key, "klingit", ANNA) != seal(public_key, "klingit", ANNA)


def test_another_controller_cannot_have_it_opened() -> None:
    with pytest.raises(Rejected, match="sealed_identifier_unreadable"):
        open_sealed(SEALING_KEY, "omilon", seal(public_key_of(SEALING_KEY), "klingit", ANNA))


def test_another_sealing_key_does_not_open_it() -> None:
    with pytest.raises(Rejected, match="sealed_identifier_unreadable"):
        open_sealed(os.urandom(32), "klingit", seal(public_key_of(SEALING_KEY), "klingit", ANNA))


def test_every_changed_byte_and_every_cut_is_refused() -> None:
    sealed = seal(public_key_of(SEALING_KEY), "klingit", ANNA)
    damaged = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    damaged += [sealed[:i] for i in range(len(sealed))]
    for text in damaged:
        with pytest.raises(Rejected, match="sealed_identifier_unreadable"):
            open_sealed(SEALING_KEY, "klingit", text)
