"""The closed lists of reasons and obligations."""

import pytest

from ledger.domain.reasons import NO_REASONS, OBLIGATIONS, REASONS, Reason


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
def test_every_reason_is_told_in_both_languages_and_to_a_developer(reason: Reason) -> None:
    assert REASONS[reason.code] is reason
    for text in (reason.english, reason.swedish, reason.developer):
        assert text.strip() == text and text.endswith(".")
    assert reason.english != reason.swedish


def test_only_consent_and_legitimate_interests_allow() -> None:
    assert {code for code, reason in REASONS.items() if reason.allows} == {
        "consent_given",
        "legitimate_interests",
    }


def test_only_what_may_pass_by_itself_is_worth_asking_again() -> None:
    retryable = {code for code, reason in REASONS.items() if reason.retryable}
    assert retryable == {"unavailable", "position_not_reached", "stale"}


def test_what_tells_of_a_persons_past_is_a_deny_and_has_one_word_for_those_who_may_not_read() -> None:
    assert NO_REASONS <= set(REASONS)
    assert "opted_out" in NO_REASONS
    assert not any(REASONS[code].allows for code in NO_REASONS)


def test_reasons_before_the_first_rule_stand_in_the_order_in_which_they_are_given() -> None:
    order = ["unavailable", "log_refused", "position_unknown", "position_not_reached", "stale", "quarantined"]
    assert [code for code in REASONS if code in order] == order


def test_every_obligation_is_told_in_both_languages() -> None:
    for english, swedish in OBLIGATIONS.values():
        assert english.endswith(".") and swedish.endswith(".") and english != swedish
