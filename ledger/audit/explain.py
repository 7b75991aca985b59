"""Why a decision is what it is: the same reading and the same rules as the API's, with the records behind them.

Life of an explanation: the person is looked up in the vault (never made there), read together with the position in
one snapshot, decided by :func:`ledger.domain.decision.decide`, and put into words. The identifier goes nowhere else.
"""

import msgspec

from ledger.audit.explanation import RECORDS_SHOWN, Explanation, explained
from ledger.audit.phrases import Language
from ledger.audit.reading import (
    controller_of,
    decision_of,
    load_secrets,
    open_reads,
    open_vault,
    read_subject,
)
from ledger.domain.decision import Question, deny
from ledger.domain.identifiers import Identifier
from ledger.settings import OperatorSettings
from ledger.vault.directory import Controller, Directory

__all__ = ["Asked", "explain"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who and what is asked about. ``person`` is an identifier or a subject id's 16 bytes."""

    controller: str
    person: Identifier | bytes
    question: Question


async def explain(operator: OperatorSettings, asked: Asked, language: Language) -> Explanation:
    """The decision on ``asked`` now, with its rows, records and open doubts, in words; reads only.

    Raises ``NotFound(controller_unknown)``, ``Unavailable``, and ``ConfigurationError`` when a secret's file is
    missing or another one (an identifier cannot be looked up without the pepper).
    """
    question = asked.question
    async with open_reads(operator) as reads:
        controller = await controller_of(reads, asked.controller)
        subject_id = await _subject_id(operator, controller, asked.person)
        if subject_id is None:
            decision = deny(question, "subject_unknown")
            return explained(None, question, decision, (), (), (), language, asked.controller)
        reading = await read_subject(reads, controller, subject_id, newest=RECORDS_SHOWN)
        return explained(
            reading.catalogue,
            question,
            decision_of(reading, question, operator.staleness_bound_seconds),
            reading.view.rows,
            reading.history,
            reading.doubts,
            language,
            controller.name,
            records_in_all=reading.records_in_all,
        )


async def _subject_id(
    operator: OperatorSettings, controller: Controller, person: Identifier | bytes
) -> bytes | None:
    """The person's subject id, or None for somebody the controller does not know. Looks up, never makes."""
    if isinstance(person, bytes):
        return person
    loaded = load_secrets(operator)
    async with open_vault(operator) as vault:
        (entry,) = await Directory(vault, loaded).lookup(controller, [person])
    return entry.subject_id if entry is not None else None
