"""Normalisation rule 1, the blind index and screening against the vectors that other languages use as well."""

import json
from pathlib import Path

import pytest

from ledger.domain import identifiers
from ledger.domain.identifiers import Identifier, IdentifierKind, blind_index, is_id, is_notice_ref, screen
from ledger.errors import Rejected

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "identifiers-v1.json").read_text(encoding="utf-8")
)


def named(vectors: list[dict[str, object]], title: str = "why") -> list[object]:
    return [pytest.param(vector, id=str(vector[title])) for vector in vectors]


def check(make: object, vector: dict[str, object]) -> None:
    assert callable(make)
    if vector["value"] is not None:
        assert make().value == vector["value"]
        return
    with pytest.raises(Rejected) as refusal:
        make()
    assert refusal.value.code == "identifier_invalid"


@pytest.mark.parametrize("vector", named(VECTORS["email"]))
def test_an_email_address_becomes_what_its_vector_says(vector: dict[str, str]) -> None:
    check(lambda: identifiers.email(vector["input"]), vector)


@pytest.mark.parametrize("vector", named(VECTORS["phone"]))
def test_a_phone_number_becomes_what_its_vector_says(vector: dict[str, str]) -> None:
    check(lambda: identifiers.phone(vector["input"], vector["region"]), vector)


@pytest.mark.parametrize("vector", named(VECTORS["account"]))
def test_an_account_becomes_what_its_vector_says(vector: dict[str, str]) -> None:
    check(lambda: identifiers.account(vector["input"]), vector)


@pytest.mark.parametrize("vector", VECTORS["blind_index"])
def test_a_blind_index_is_what_its_vector_says(vector: dict[str, str]) -> None:
    who = Identifier(kind=IdentifierKind(vector["kind"]), value=vector["value"])
    assert blind_index(bytes.fromhex(vector["pepper"]), vector["controller"], who).hex() == vector["index"]


@pytest.mark.parametrize("vector", named(VECTORS["screening"]))
def test_screening_finds_what_its_vector_says_and_nothing_else(vector: dict[str, str]) -> None:
    assert screen(vector["text"]) == vector["code"]


def test_a_refusal_never_repeats_the_address() -> None:
    with pytest.raises(Rejected) as refusal:
        identifiers.email("anna.secret@exa mple.se")
    told = f"{refusal.value} {refusal.value.detail} {refusal.value.context} {refusal.value.diagnostics()}"
    assert "secret" not in told and "mple" not in told


def test_the_repr_of_an_identifier_shows_its_kind_alone() -> None:
    assert repr(identifiers.email("anna@example.se")) == "<identifier of kind email>"
    assert "anna" not in str(identifiers.account("anna"))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(Rejected, match="identifier_invalid"):
        identifiers.identifier("passport", "12345")


def test_an_overlong_input_is_refused_before_any_work() -> None:
    with pytest.raises(Rejected, match="too long"):
        identifiers.email("e\u0301" * 1_000_000)


@pytest.mark.parametrize("text", ["a", "newsletter", "a-b_c.d", "0", "x" * 64])
def test_the_syntax_of_an_id(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "A", "-a", ".a", "x" * 65, "a b", "å", "a\n", "signup@3"])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("text", ["signup@3", "a@0", "cookie-banner_x@999999"])
def test_the_syntax_of_a_notice(text: str) -> None:
    assert is_notice_ref(text)


@pytest.mark.parametrize(
    "text", ["signup", "signup@", "@3", "signup@1234567", "Signup@3", "1a@3", "a.b@3", "a@3\n"]
)
def test_what_is_no_notice(text: str) -> None:
    assert not is_notice_ref(text)
