"""The sync ledger keeps the same claims: a part of the suite without a loop, and a fork against the real ledger."""

import os
from collections.abc import Iterator

import pytest

from ledger.sdk import Person
from ledger.sdk.client import TransportName
from ledger.sdk.sync import Denied, Ledger, Rejected
from ledger.sdk.testing import InMemoryLedger
from tests.behaviours.conftest import Real
from tests.support.catalogue import small_catalogue

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


@pytest.fixture
def ledger(transport: TransportName, real_or_none: Real | None) -> Iterator[Ledger]:
    """A sync ledger with the small catalogue in force."""
    real = real_or_none
    if real is None:
        opened = Ledger(lambda: InMemoryLedger(small_catalogue()))
    else:
        opened = Ledger.connect(real.url, real.api_key, transport=transport, bootstrap=real.bootstrap)
    with opened as ledger:
        yield ledger


def test_a_grant_allows_and_a_withdrawal_denies(ledger: Ledger, anna: Person) -> None:
    granted = ledger.grant(anna, **NEWSLETTER, notice="signup@3")
    assert ledger.check(anna, **NEWSLETTER, at_least=granted)
    withdrawn = ledger.withdraw(anna, **NEWSLETTER)
    answer = ledger.check(anna, **NEWSLETTER, at_least=withdrawn)
    assert (bool(answer), answer.reason) == (False, "withdrawn")
    with pytest.raises(Denied):
        ledger.require(anna, **NEWSLETTER, at_least=withdrawn)


def test_choices_unsubscribing_and_opting_in_again(ledger: Ledger, anna: Person) -> None:
    ledger.save_choices(
        anna, notice="signup@3", channel="email", granted=["newsletter"], refused=["profiling"]
    )
    out = ledger.unsubscribe(anna, purpose="offers", channel="email")
    back = ledger.opt_in(anna, purpose="offers", channel="email", seen=out)
    assert ledger.check(anna, purpose="offers", channel="email", at_least=back)
    assert [row.shape for row in ledger.standing(anna).rows].count("no") == 1
    assert len(ledger.history(anna).events) == 4


def test_a_grant_with_a_defect_is_refused(ledger: Ledger, anna: Person) -> None:
    with pytest.raises(Rejected) as raised:
        ledger.grant(anna, purpose="telepathy", notice="signup@3")
    assert raised.value.code == "purpose_unknown"


def test_somebody_unknown_is_denied(ledger: Ledger, anna: Person) -> None:
    assert ledger.check(anna, **NEWSLETTER).reason == "subject_unknown"


def test_parent_and_child_of_a_fork_record_and_ask(
    ledger: Ledger, transport: str, anna: Person, bertil: Person
) -> None:
    before = ledger.withdraw(anna, **NEWSLETTER)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            saved = ledger.grant(bertil, **NEWSLETTER, notice="signup@3")
            answer = ledger.check(bertil, **NEWSLETTER, at_least=saved)
            os.write(writing, answer.reason.encode())
        finally:
            # The child must end here, whatever happens, and not go on as a second pytest.
            os._exit(0)
    os.close(writing)
    saved = ledger.grant(anna, **NEWSLETTER, notice="signup@3", seen=before)
    answer = ledger.check(anna, **NEWSLETTER, at_least=saved)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert (answer.reason, told) == ("consent_given", "consent_given")
    if transport != "memory":
        assert ledger.check(bertil, **NEWSLETTER)
