"""What the page of one person tells, read from the read model and the vault: standing, history, requests, texts.

The person is looked up and never made. What the vault knows them as is read only when it is wanted on the page.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from ledger.audit.pages.subject_page import Answer, State, SubjectReport
from ledger.audit.reading import (
    Reading,
    controller_of,
    decision_of,
    load_secrets,
    open_reads,
    open_vault,
    read_subject,
)
from ledger.domain.catalogue import Catalogue, Notice, parse_document
from ledger.domain.decision import Question
from ledger.domain.forgetting import forgotten_altogether
from ledger.domain.identifiers import Identifier
from ledger.domain.rows import Row
from ledger.erasure.requests import Requests
from ledger.errors import Rejected
from ledger.read_model import pool, sql
from ledger.settings import OperatorSettings
from ledger.vault.directory import Controller, Directory

__all__ = ["RECORDS_ON_PAGE", "subject_report"]

RECORDS_ON_PAGE: Final = 500
"""Newest first; the count of the others is told."""


async def subject_report(
    operator: OperatorSettings,
    controller_name: str,
    person: Identifier | bytes,
    *,
    with_identifiers: bool = False,
) -> SubjectReport:
    """Everything about one person, for the page; reads only.

    ``person``: an identifier or a subject id's 16 bytes. An identifier that nobody is known by gives a report that
    says so, as does an id that was never used. Raises ``NotFound(controller_unknown)``, ``Unavailable``, and
    ``ConfigurationError`` when a secret's file is missing or another one.
    """
    secrets = load_secrets(operator)
    async with open_reads(operator) as reads, open_vault(operator) as vault:
        controller = await controller_of(reads, controller_name)
        directory = Directory(vault, secrets)
        subject_id = await _subject_id(directory, controller, person)
        if subject_id is None:
            return SubjectReport(controller=controller.name, state="unknown", made_ms=_now_ms())
        reading = await read_subject(reads, controller, subject_id, newest=RECORDS_ON_PAGE)
        return _report(
            controller,
            reading,
            subject_id=subject_id if with_identifiers else None,
            identifiers=tuple(await directory.identifiers_of(controller, subject_id))
            if with_identifiers
            else None,
            requests=tuple(await Requests(vault, secrets).of_subject(controller, subject_id)),
            notices=await _notices(reads, controller, reading.catalogue),
            staleness_bound_seconds=operator.staleness_bound_seconds,
        )


def _report(
    controller: Controller,
    reading: Reading,
    *,
    notices: dict[str, Notice],
    staleness_bound_seconds: float,
    **of: Any,
) -> SubjectReport:
    view = reading.view
    state, since_ms = _state(reading, known=bool(view.rows or reading.history or of["requests"]))
    questions, shares = _questions(reading.catalogue)
    report = SubjectReport(
        controller=controller.name,
        state=state,
        state_since_ms=since_ms,
        made_ms=_now_ms(),
        read_up_to_ms=view.live.stamp_ms if view.live else None,
        catalogue=reading.catalogue,
        answers=_answers(reading, questions, staleness_bound_seconds),
        shares=_answers(reading, shares, staleness_bound_seconds),
        rows=tuple(view.rows),
        history=tuple(reading.history),
        records_left_out=reading.records_in_all - len(reading.history),
        doubts=tuple(reading.doubts),
        notices=notices,
        **of,
    )
    return report


async def _subject_id(
    directory: Directory, controller: Controller, person: Identifier | bytes
) -> bytes | None:
    if isinstance(person, bytes):
        return person
    (entry,) = await directory.lookup(controller, [person])
    return entry.subject_id if entry is not None else None


def _state(reading: Reading, *, known: bool) -> tuple[State, int | None]:
    """What the page says first, and since when."""
    forgotten = forgotten_altogether(reading.view.rows)
    if forgotten is not None:
        return ("erased" if forgotten.reason == "erased" else "blocked"), forgotten.half.rank_ms
    if not known:
        return "unknown", None
    return ("doubtful" if reading.view.quarantined else "known"), None


def _questions(catalogue: Catalogue | None) -> tuple[list[Question], list[Question]]:
    """Every question about the controller's own use, and every one about giving data to a recipient."""
    own: list[Question] = []
    shares: list[Question] = []
    for purpose in catalogue.purposes.values() if catalogue else ():
        for channel in purpose.channels or (None,):
            own.append(Question(purpose=purpose.id, channel=channel))
            shares += [
                Question(purpose=purpose.id, channel=channel, recipient=recipient)
                for recipient in purpose.recipients
            ]
    return own, shares


def _answers(
    reading: Reading, questions: Sequence[Question], staleness_bound_seconds: float
) -> tuple[Answer, ...]:
    answers = []
    for question in questions:
        decision = decision_of(reading, question, staleness_bound_seconds)
        since_ms = _since_ms(reading.view.rows, decision.deciding_events)
        answers.append(Answer(question=question, decision=decision, since_ms=since_ms))
    return tuple(answers)


def _since_ms(rows: Sequence[Row], deciding: Sequence[str]) -> int | None:
    """From when the acts that decide count: the latest of them, since all were needed."""
    ranks = [
        half.rank_ms
        for row in rows
        for half in (row.first, row.second)
        if half is not None and half.event_id.hex() in deciding
    ]
    return max((ms for ms in ranks if ms > 0), default=None)


async def _notices(reads: Any, controller: Controller, in_force: Catalogue | None) -> dict[str, Notice]:
    """The notices of every published version: people agreed to texts that are in force no more."""
    async with pool.borrowed(reads) as connection:
        rows = await connection.fetch(sql.load("audit_catalogue_documents"), controller.id)
    notices: dict[str, Notice] = dict(in_force.notices) if in_force else {}
    for row in rows:
        try:
            published = parse_document(row["document"])
        except Rejected:
            # A version that cannot be read is as if it were not published; its texts are told as missing.
            continue
        notices = published.notices | notices
    return notices


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
