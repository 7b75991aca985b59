"""A key that may not read learns that the answer is no, and not what the person said."""

import pytest

from ledger.api.decisions import masked
from ledger.domain.decision import Decision
from ledger.domain.reasons import NO_REASONS, REASONS


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_no_of_a_person_looks_alike_and_everything_else_stays(reason: str) -> None:
    decision = Decision(
        allowed=REASONS[reason].allows,
        reason=reason,
        purpose="newsletter",
        deciding_events=("00" * 16,),
        notice="signup@3",
    )
    shown = masked(decision)
    assert shown.reason == ("opted_out" if reason in NO_REASONS else reason)
    assert shown.allowed is decision.allowed
    hidden = reason in NO_REASONS
    assert (shown.deciding_events, shown.notice) == (((), None) if hidden else (("00" * 16,), "signup@3"))
