"""Why a decision is what it is: the same reading and the same rules as the API's, with the records behind them.

Life of an explanation: the person is looked up in the vault (never made there), read together with the position in
one snapshot, decided by :func:`ledger.domain.decision.decide`, and put into words. The identifier goes nowhere else.
"""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger import settings
from ledger.audit.explanation import RECORDS_SHOWN, Doubt, Explanation, HistoryEntry, explained, place_of
from ledger.audit.phrases import Language
from ledger.domain.catalogue import Catalogue, parse_document
from ledger.domain.decision import Decision, Question, decide, deny
from ledger.domain.events import Event, Lane
from ledger.domain.identifiers import Identifier
from ledger.domain.moments import moment_text
from ledger.errors import MalformedRecord, NotFound, Rejected, Unavailable
from ledger.event_log.codec import decode
from ledger.event_log.partitioner import partition_of
from ledger.read_model import pool, records, sql
from ledger.read_model.reader import SubjectKey, SubjectView, ViewReader
from ledger.settings import OperatorSettings
from ledger.vault import secrets
from ledger.vault.directory import Controller, Directory

__all__ = ["Asked", "explain"]

APPLICATION_NAME: Final = "ledger-audit"
READ_MODEL: Final = "read_model"
VAULT: Final = "vault"
MAX_DOUBTS: Final = 20


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
    async with AsyncExitStack() as stack:
        reads = await pool.create_read_pool(
            settings.require(operator, "postgres_dsn"),
            application_name=APPLICATION_NAME,
            schema=READ_MODEL,
            size=2,
        )
        stack.push_async_callback(reads.close)
        controller = await _controller(reads, asked.controller)
        subject_id = await _subject_id(stack, operator, reads, controller, asked.person)
        if subject_id is None:
            decision = deny(asked.question, "subject_unknown")
            return explained(None, asked.question, decision, (), (), (), language, asked.controller)
        return await _explain_subject(
            stack, reads, operator, controller, subject_id, asked.question, language
        )


async def _explain_subject(
    stack: AsyncExitStack,
    reads: Any,
    operator: OperatorSettings,
    controller: Controller,
    subject_id: bytes,
    question: Question,
    language: Language,
) -> Explanation:
    view = await _view(stack, reads, controller, subject_id)
    catalogue = await _catalogue(reads, view)
    decision = _decision(view, catalogue, question, operator.staleness_bound_seconds)
    total, history = await _history(reads, controller.id, subject_id)
    doubts = await _doubts(reads, controller.id, subject_id)
    return explained(
        catalogue,
        question,
        decision,
        view.rows,
        history,
        doubts,
        language,
        controller.name,
        records_in_all=total,
    )


async def _controller(reads: Any, name: str) -> Controller:
    async with pool.borrowed(reads) as connection:
        row = await connection.fetchrow(sql.load("audit_controllers"), [name])
    if row is None:
        raise NotFound("controller_unknown", f"There is no controller {name}.")
    return Controller(row["id"], row["name"])


async def _subject_id(
    stack: AsyncExitStack,
    operator: OperatorSettings,
    reads: Any,
    controller: Controller,
    person: Identifier | bytes,
) -> bytes | None:
    """The person's subject id, or None for somebody the controller does not know. Looks up, never makes."""
    if isinstance(person, bytes):
        return person
    loaded = secrets.load(
        Path(settings.require(operator, "pepper_file")),
        Path(settings.require(operator, "sealing_key_file")),
        Path(settings.require(operator, "key_encryption_key_file")),
    )
    vault = await pool.create_read_pool(
        settings.require(operator, "vault_dsn"), application_name=APPLICATION_NAME, schema=VAULT, size=1
    )
    stack.push_async_callback(vault.close)
    (entry,) = await Directory(vault, loaded).lookup(controller, [person])
    return entry.subject_id if entry is not None else None


async def _view(stack: AsyncExitStack, reads: Any, controller: Controller, subject_id: bytes) -> SubjectView:
    async with pool.borrowed(reads) as connection:
        log = await records.log_of_controller(connection, controller.id)
    if log is None:
        raise Unavailable("log_not_ready")
    reader = ViewReader(reads)
    stack.push_async_callback(reader.aclose)
    partition = partition_of(subject_id, log.partitions)
    key = SubjectKey(controller.id, log.log_id, log.generation, partition, subject_id)
    return (await reader.views([key]))[key]


async def _catalogue(reads: Any, view: SubjectView) -> Catalogue | None:
    if view.catalogue_version is None or view.catalogue_digest is None:
        return None
    version = records.CatalogueVersion(view.catalogue_version, view.catalogue_digest)
    async with pool.borrowed(reads) as connection:
        document = await records.catalogue_document(connection, view.key.controller_id, version)
    try:
        return None if document is None else parse_document(document)
    except Rejected:
        # As for the API: a version that cannot be read is as if nothing were published.
        return None


def _decision(
    view: SubjectView, catalogue: Catalogue | None, question: Question, staleness_bound_seconds: float
) -> Decision:
    """The decision with the codes that come before the first rule, in the API's order."""
    now_ms = time.time_ns() // 1_000_000
    staleness_ms = view.staleness_ms(now_ms)
    if view.refused:
        decision = deny(question, "log_refused")
    elif staleness_ms is None or staleness_ms > staleness_bound_seconds * 1000:
        decision = deny(question, "stale")
    else:
        asked_ms = max(now_ms, view.live.stamp_ms if view.live else 0)
        decision = decide(catalogue, view.rows, question, asked_ms, quarantined=view.quarantined)
    return msgspec.structs.replace(decision, position=view.position().encode(), staleness_ms=staleness_ms)


async def _history(reads: Any, controller_id: int, subject_id: bytes) -> tuple[int, list[HistoryEntry]]:
    async with pool.borrowed(reads) as connection:
        rows = await connection.fetch(
            sql.load("audit_newest_history"), controller_id, subject_id, RECORDS_SHOWN
        )
    entries = [
        HistoryEntry(
            generation=row["generation"],
            lane=Lane.of_number(row["lane"]),
            partition=row["partition"],
            offset=row["offset"],
            broker_ms=row["broker_ms"],
            stamp_ms=row["stamp_ms"],
            clock_floor_ms=row["clock_floor_ms"],
            outcome=row["outcome"],
            event=_event(row["body"]),
        )
        for row in rows
    ]
    return (rows[0]["total"] if rows else 0), entries


async def _doubts(reads: Any, controller_id: int, subject_id: bytes) -> list[Doubt]:
    async with pool.borrowed(reads) as connection:
        rows = await connection.fetch(sql.load("audit_open_doubts"), controller_id, subject_id, MAX_DOUBTS)
    return [
        Doubt(
            place=place_of(Lane.of_number(row["lane"]), row["partition"], row["offset"]),
            reason=row["reason"],
            recorded_at=moment_text(row["broker_ms"]),
        )
        for row in rows
    ]


def _event(body: bytes | None) -> Event | None:
    """The event in a record's bytes; a record set aside keeps none, and one that cannot be read says so as None."""
    if body is None:
        return None
    try:
        return decode(body)
    except MalformedRecord:
        return None
