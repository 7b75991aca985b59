"""One act of one person, ready to send, and the body that carries it over HTTP."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from ledger.domain.acts import Act
from ledger.domain.events import Capture, Voice
from ledger.domain.evidence import Evidence
from ledger.domain.moments import moment_text
from ledger.errors import FieldReport, LedgerError
from ledger.event_log.clock import seconds_since_boot
from ledger.sdk.answers import RefusedChoice
from ledger.sdk.people import Person, subject_form

__all__ = ["Choice", "Statement", "body_of", "refused_choice", "reports_of"]


class Choice(NamedTuple):
    """One act as admitted, beside what the caller gave, and what was dropped from it."""

    act: Act
    given: Mapping[str, object]
    dropped: tuple[FieldReport, ...] = ()


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a transport records: noes first, one idempotency key for all attempts.

    ``called_at`` is the reading of :func:`~ledger.event_log.clock.seconds_since_boot` at the call, from which the
    wait is measured. ``ignored`` are circumstances that a protective act went without; ``refused`` are yeses that
    are not recorded beside the noes.
    """

    person: Person
    choices: tuple[Choice, ...]
    key: str
    key_is_own: bool
    called_at: float
    occurred_at: int | None = None
    effective_from: int | None = None
    waited_ms: int | None = 0
    seen: str | None = None
    capture: Capture = Capture.SELF
    voice: Voice = Voice.PERSON
    evidence: Evidence | None = None
    ignored: tuple[FieldReport, ...] = ()
    refused: tuple[RefusedChoice, ...] = ()

    @property
    def has_no(self) -> bool:
        """Whether part of it is protective, and so must be recorded whatever is wrong with the rest."""
        return any(choice.act.is_protective for choice in self.choices)

    def wait_ms(self) -> int | None:
        """The wait until now: what the caller measured and what passed since the call. None stays unknown."""
        if self.waited_ms is None:
            return None
        return self.waited_ms + max(0, int((seconds_since_boot() - self.called_at) * 1000))


def body_of(statement: Statement) -> dict[str, object]:
    """The body of ``POST /v1/acts``, with the wait until this moment."""
    body: dict[str, object] = {
        "subject": subject_form(statement.person),
        "acts": [_sendable(choice) for choice in statement.choices],
        "waited_ms": statement.wait_ms(),
        "capture": statement.capture.value,
        "voice": statement.voice.value,
    }
    if statement.occurred_at is not None:
        body["occurred_at"] = moment_text(statement.occurred_at)
    if statement.effective_from is not None:
        body["effective_from"] = moment_text(statement.effective_from)
    if statement.seen is not None:
        body["seen"] = statement.seen
    if statement.evidence is not None:
        body["evidence"] = msgspec.to_builtins(statement.evidence)
    return body


def refused_choice(given: Mapping[str, object], error: LedgerError) -> RefusedChoice:
    """How the answer names a yes that was refused for ``error``."""
    field = error.context.get("field")
    return RefusedChoice(
        act=str(given["act"]),
        purpose=_text(given.get("purpose")),
        channel=_text(given.get("channel")),
        code=error.code,
        field=_text(field),
        detail=error.detail,
    )


def reports_of(choices: Iterable[Choice]) -> tuple[FieldReport, ...]:
    """What was dropped from the acts themselves."""
    return tuple(report for choice in choices for report in choice.dropped)


def _sendable(choice: Choice) -> dict[str, object]:
    """The act as given, so that the intake itself sees and records what it drops; unsendable values stay here."""
    sent: dict[str, object] = {
        name: value
        for name, value in choice.given.items()
        if isinstance(value, str | int | float) and name != "act"
    }
    if choice.act.expires_at is not None:
        sent["expires_at"] = moment_text(choice.act.expires_at)
    return {"act": choice.act.act.value, **sent}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
