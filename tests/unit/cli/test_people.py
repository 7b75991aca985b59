"""How an operator names a person: typed, and never repeated."""

import pytest

from ledger.cli.people import parse_person
from ledger.domain.identifiers import account, email, phone
from ledger.errors import Rejected
from ledger.sdk.people import subject_id


def test_each_kind_of_name_is_read_and_normalised() -> None:
    assert parse_person("email: Anna@Example.SE \n") == email("anna@example.se")
    assert parse_person("PHONE:+46 70 174 06 05") == phone("+46701740605")
    assert parse_person("account:A-17") == account("A-17")
    assert parse_person(f"subject: {'ab' * 16}\n") == subject_id("ab" * 16)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "person_untyped"),
        ("anna.andersson@example.se", "person_untyped"),
        ("mail:anna.andersson@example.se", "person_untyped"),
        ("email:anna.andersson", "identifier_invalid"),
        ("phone:0701-anna", "identifier_invalid"),
        ("subject:anna", "subject_id_malformed"),
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(typed: str, code: str) -> None:
    with pytest.raises(Rejected) as raised:
        parse_person(typed)
    assert raised.value.code == code
    told = f"{raised.value} {raised.value.diagnostics()} {raised.value.context} {raised.value.__cause__}"
    assert "anna" not in told.lower()
