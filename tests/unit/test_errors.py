"""One tree of errors, each with a code that stands in the table."""

import re

import pytest

from ledger import errors
from ledger.error_codes import ERROR_CODES, ErrorCode, _table
from ledger.errors import Denied, LedgerError, Rejected, Unavailable, describe


@pytest.mark.parametrize("entry", ERROR_CODES.values(), ids=lambda entry: entry.code)
def test_every_code_says_what_it_means_and_what_to_do(entry: ErrorCode) -> None:
    assert ERROR_CODES[entry.code] is entry
    assert re.fullmatch(r"[a-z][a-z0-9_]{2,63}", entry.code)
    assert entry.meaning.endswith(".") and entry.what_to_do.endswith(".")
    assert 400 <= entry.http_status < 600


def test_a_code_stands_in_the_table_once() -> None:
    row = ("twice", "It stands twice.", "Remove one.", 500, False)
    with pytest.raises(ValueError, match="twice"):
        _table(row, row)


def test_an_error_carries_what_the_table_says_of_its_code() -> None:
    error = Rejected("position_malformed", field="at_least")
    assert isinstance(error, LedgerError)
    assert (error.code, error.retryable, error.http_status) == ("position_malformed", False, 400)
    assert error.context == {"field": "at_least"}
    assert str(error) == f"position_malformed: {ERROR_CODES['position_malformed'].meaning}"
    assert error.diagnostics() == (
        f"{ERROR_CODES['position_malformed'].meaning}\n{ERROR_CODES['position_malformed'].what_to_do}"
    )


def test_an_error_may_say_it_better_and_know_whether_to_try_again() -> None:
    error = Unavailable("log_unavailable", "The log did not answer in 2 s.", retryable=False)
    assert error.detail == "The log did not answer in 2 s."
    assert not error.retryable
    assert Unavailable("log_unavailable").retryable


def test_a_code_that_nobody_registered_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        Rejected("no_such_code")


def test_denied_carries_the_decision() -> None:
    decision = object()
    error = Denied(decision, "withdrawn")
    assert (error.code, error.decision, error.reason) == ("denied", decision, "withdrawn")
    assert "withdrawn" in error.detail


def test_exit_codes_follow_the_leaf() -> None:
    leaves = {
        name: getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)
    }
    codes = {name: kind.exit_code for name, kind in leaves.items() if issubclass(kind, LedgerError)}
    special = {"Denied": 1, "Unavailable": 3, "IntegrityViolation": 4}
    assert codes == {name: special.get(name, 2) for name in codes}


def test_codes_are_described_once_each_in_order() -> None:
    found = describe(["stack_not_running", "denied", "denied"])
    assert [entry.code for entry in found] == ["denied", "stack_not_running"]
