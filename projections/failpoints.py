"""Steps of a batch at which a fault test ends or freezes this process. Unset in production: no step is ever reached.

``LEDGER_FAILPOINT=<step>[:kill|stop[:<n>]]`` acts the n-th time the step is reached (1 unless said) and needs
``LEDGER_ALLOW_FAILPOINTS=1``. ``kill`` is SIGKILL, ``stop`` is SIGSTOP: the process goes on after SIGCONT.
"""

import os
import signal
from collections.abc import Callable
from typing import Final, TypeVar

from ledger.errors import ConfigurationError

__all__ = ["STEPS", "Failpoint"]

FOLD_STEPS: Final = ("after_fetch", "decode", "after_cas", "inside_copy", "before_commit", "after_commit")
ERASURE_STEPS: Final = (
    "erasure_requested",
    "erasure_identified",
    "erasure_assessed",
    "erasure_blocked",
    "erasure_settled",
    "erasure_destroyed",
    "erasure_ordered",
    "event_sent",
)
"""Reached right after the state so named was left, and between an event's acknowledgement and its note."""
STEPS: Final = FOLD_STEPS + ERASURE_STEPS
_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

ResultT = TypeVar("ResultT")


class Failpoint:
    """One step, what happens in it, and at which time that it is reached."""

    def __init__(self, text: str) -> None:
        name, _, rest = text.partition(":")
        action, _, count = rest.partition(":")
        number = _SIGNALS.get(action or "kill")
        if name not in STEPS or number is None or not (count or "1").isdecimal() or int(count or "1") < 1:
            raise ConfigurationError(
                "setting_invalid",
                f"LEDGER_FAILPOINT must be <step>[:kill|stop[:<n>]] with one of the steps {', '.join(STEPS)}.",
                setting="LEDGER_FAILPOINT",
            )
        self._name = name
        self._signal = number
        self._left = int(count or "1")

    def reach(self, step: str) -> None:
        """Ends or freezes this process if ``step`` is the one that is meant and its time has come."""
        if step != self._name or self._left == 0:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)

    def before(self, step: str, call: Callable[[bytes], ResultT]) -> Callable[[bytes], ResultT]:
        """``call``, which reaches ``step`` each time that it is made."""

        def reaching(value: bytes) -> ResultT:
            self.reach(step)
            return call(value)

        return reaching
