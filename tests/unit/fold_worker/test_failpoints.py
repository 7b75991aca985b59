"""Failpoints act at the step and time they name, and refuse what they do not know."""

import os
import signal

import pytest

from ledger.errors import ConfigurationError
from ledger.settings import FoldSettings, load
from projections.failpoints import Failpoint
from projections.membership import group_id, live_topics


def test_a_failpoint_acts_the_nth_time_its_step_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    failpoint = Failpoint("after_cas:stop:2")
    failpoint.reach("after_fetch")
    failpoint.reach("after_cas")
    assert sent == []
    failpoint.reach("after_cas")
    failpoint.reach("after_cas")
    assert sent == [(os.getpid(), signal.SIGSTOP)]


@pytest.mark.parametrize("text", ["", "nowhere", "after_cas:pause", "after_cas:kill:0", "after_cas:kill:x"])
def test_a_failpoint_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="setting_invalid"):
        Failpoint(text)


def test_a_worker_can_be_given_some_controllers_and_shares_them_with_its_like() -> None:
    variables = {
        "LEDGER_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "LEDGER_POSTGRES_DSN": "postgresql://ledger@/ledger",
        "LEDGER_FOLD_CONTROLLERS": " southwind, northwind ,",
    }
    controllers = load(FoldSettings, variables).controllers
    assert controllers == ("northwind", "southwind")
    assert group_id(controllers) != group_id(())
    assert live_topics(controllers) == r"^(ledger\.northwind\.events|ledger\.southwind\.events)$"
