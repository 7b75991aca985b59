"""Laws of normalisation, blind indexes and screening."""

import datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.domain import identifiers
from ledger.domain.identifiers import Identifier, IdentifierKind, blind_index, screen
from ledger.errors import Rejected

# Free text is mostly no address and no number, and a search that throws most of it away fails by itself now and then.
plain_parts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,18}", fullmatch=True)
plain_labels = st.from_regex(r"[A-Za-z][A-Za-z0-9]{1,9}", fullmatch=True)
local_parts = st.one_of(plain_parts, plain_parts, st.text(min_size=1, max_size=20))
labels = st.text(alphabet=st.characters(categories=("L", "Nd")), min_size=1, max_size=10)
domains = st.one_of(
    st.lists(plain_labels, min_size=2, max_size=3),
    st.lists(plain_labels, min_size=2, max_size=3),
    st.lists(labels, min_size=2, max_size=3),
)
emails = st.builds(lambda local, labels: f"{local}@{'.'.join(labels)}", local_parts, domains)
phones = st.builds(
    lambda digits: f"+{digits}", st.from_regex(r"467[02369][0-9]{7}|[1-9][0-9]{6,14}", fullmatch=True)
)
peppers = st.binary(min_size=32, max_size=32)
any_identifiers = st.builds(Identifier, kind=st.sampled_from(IdentifierKind), value=st.text(max_size=30))


def normalised(kind: str, text: str) -> Identifier:
    try:
        return identifiers.identifier(kind, text)
    except Rejected:
        assume(False)
        raise


@given(emails)
def test_normalising_an_email_address_twice_changes_nothing(text: str) -> None:
    once = normalised("email", text)
    assert identifiers.email(once.value) == once


@given(phones)
def test_normalising_a_phone_number_twice_changes_nothing(text: str) -> None:
    once = normalised("phone", text)
    assert identifiers.phone(once.value) == once


@given(st.text(max_size=140))
def test_normalising_an_account_twice_changes_nothing(text: str) -> None:
    once = normalised("account", text)
    assert identifiers.account(once.value) == once


@given(st.sampled_from(["email", "phone", "account"]), st.text(max_size=60))
def test_whatever_is_given_is_normalised_or_refused(kind: str, text: str) -> None:
    try:
        who = identifiers.identifier(kind, text)
    except Rejected as refusal:
        assert refusal.code == "identifier_invalid"
    else:
        assert who.value


@given(peppers, any_identifiers, st.text(max_size=10), st.text(max_size=10))
def test_two_controllers_blind_indexes_of_one_identifier_differ(
    pepper: bytes, who: Identifier, one: str, other: str
) -> None:
    assert (blind_index(pepper, one, who) == blind_index(pepper, other, who)) == (one == other)


@given(peppers, st.text(max_size=10), any_identifiers, any_identifiers)
def test_blind_indexes_are_equal_only_for_the_same_identifier(
    pepper: bytes, controller: str, one: Identifier, other: Identifier
) -> None:
    assert (blind_index(pepper, controller, one) == blind_index(pepper, controller, other)) == (one == other)


@given(peppers, peppers, any_identifiers)
def test_another_pepper_gives_another_blind_index(one: bytes, other: bytes, who: Identifier) -> None:
    assert (blind_index(one, "klingit", who) == blind_index(other, "klingit", who)) == (one == other)


@given(
    st.dates(datetime.date(1800, 1, 1), datetime.date(2099, 12, 31)),
    st.integers(1, 999),
    st.sampled_from([0, 60]),
    st.sampled_from(["", "-", "+", ".", "_", " "]),
    st.booleans(),
    st.sampled_from(["", "customer-", "x", "run.2026-03-01_"]),
)
def test_every_valid_personal_number_is_found(
    born: datetime.date, serial: int, coordination: int, separator: str, with_century: bool, before: str
) -> None:
    short = f"{born:%y%m}{born.day + coordination:02}{serial:03}"
    doubled = "".join(str(int(digit) * (2 - index % 2)) for index, digit in enumerate(short))
    check = -sum(map(int, doubled)) % 10
    century = f"{born.year // 100}" if with_century else ""
    number = f"{century}{short[:6]}{separator}{short[6:]}{check}"
    assert screen(before + number) == "personal_number_in_field"


@given(st.uuids(version=4))
def test_a_random_uuid_is_never_taken_for_a_person(value: object) -> None:
    assert screen(str(value)) is None
    assert screen(f"episode-{value}") is None


@given(st.text(alphabet="0123456789-. +()@abcåxn%4", max_size=200))
def test_screening_always_ends_with_an_answer(text: str) -> None:
    assert screen(text) in (None, "email_in_field", "phone_in_field", "personal_number_in_field")
