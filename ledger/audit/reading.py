"""What an audit reads about one person: in one snapshot what stands, then what the log holds and what is in doubt.

The person is looked up in the vault and never made there. Reads only; the identifier goes nowhere else.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import msgspec

from ledger import settings
from ledger.audit.explanation import Doubt, HistoryEntry, place_of
from ledger.domain.catalogue import Catalogue, parse_document
from ledger.domain.decision import Decision, Question, decide, deny
from ledger.domain.events import Event, Lane
from ledger.domain.moments import moment_text
from ledger.errors import MalformedRecord, NotFound, Rejected, Unavailable
from ledger.event_log.codec import decode
from ledger.event_log.partitioner import partition_of
from ledger.read_model import pool, records, sql
from ledger.read_model.reader import SubjectKey, SubjectView, ViewReader
from ledger.settings import OperatorSettings
from ledger.vault import secrets
from ledger.vault.directory import Controller

__all__ = [
    "Reading",
    "controller_of",
    "decision_of",
    "load_secrets",
    "open_reads",
    "open_vault",
    "read_subject",
]

APPLICATION_NAME: Final = "ledger-audit"
READ_MODEL: Final = "read_model"
VAULT: Final = "vault"
MAX_DOUBTS: Final = 20


class Reading(NamedTuple):
    """Everything about one subject. ``history``: the newest records, newest first, of ``records_in_all``."""

    view: SubjectView
    catalogue: Catalogue | None
    history: list[HistoryEntry]
    records_in_all: int
    doubts: list[Doubt]


@asynccontextmanager
async def open_reads(operator: OperatorSettings) -> AsyncIterator[Any]:
    """A pool of connections to the read model, closed on the way out."""
    reads = await pool.create_read_pool(
        settings.require(operator, "postgres_dsn"),
        application_name=APPLICATION_NAME,
        schema=READ_MODEL,
        size=2,
    )
    try:
        yield reads
    finally:
        await reads.close()


@asynccontextmanager
async def open_vault(operator: OperatorSettings) -> AsyncIterator[Any]:
    """A connection to the vault that only reads, as a pool, closed on the way out."""
    vault = await pool.create_read_pool(
        settings.require(operator, "vault_dsn"), application_name=APPLICATION_NAME, schema=VAULT, size=1
    )
    try:
        yield vault
    finally:
        await vault.close()


def load_secrets(operator: OperatorSettings) -> secrets.Secrets:
    """What opens the vault. Raises ``ConfigurationError`` when a secret's file is missing or another one."""
    return secrets.load(*settings.secret_files(operator))


async def controller_of(reads: Any, name: str) -> Controller:
    """The controller ``name``; raises ``NotFound(controller_unknown)``."""
    async with pool.borrowed(reads) as connection:
        row = await connection.fetchrow(sql.load("audit_controllers"), [name])
    if row is None:
        raise NotFound("controller_unknown", f"There is no controller {name}.")
    return Controller(row["id"], row["name"])


async def read_subject(reads: Any, controller: Controller, subject_id: bytes, *, newest: int) -> Reading:
    """What stands for a subject and the ``newest`` records of it. Raises ``Unavailable(log_not_ready)``."""
    view = await _view(reads, controller, subject_id)
    catalogue = await _catalogue(reads, view)
    total, history = await _history(reads, controller.id, subject_id, newest)
    doubts = await _doubts(reads, controller.id, subject_id)
    return Reading(view, catalogue, history, total, doubts)


def decision_of(reading: Reading, question: Question, staleness_bound_seconds: float) -> Decision:
    """The decision with the codes that come before the first rule, in the API's order."""
    view = reading.view
    now_ms = time.time_ns() // 1_000_000
    staleness_ms = view.staleness_ms(now_ms)
    if view.refused:
        decision = deny(question, "log_refused")
    elif staleness_ms is None or staleness_ms > staleness_bound_seconds * 1000:
        decision = deny(question, "stale")
    else:
        asked_ms = max(now_ms, view.live.stamp_ms if view.live else 0)
        decision = decide(reading.catalogue, view.rows, question, asked_ms, quarantined=view.quarantined)
    return msgspec.structs.replace(decision, position=view.position().encode(), staleness_ms=staleness_ms)


async def _view(reads: Any, controller: Controller, subject_id: bytes) -> SubjectView:
    async with pool.borrowed(reads) as connection:
        log = await records.log_of_controller(connection, controller.id)
    if log is None:
        raise Unavailable("log_not_ready")
    reader = ViewReader(reads)
    try:
        partition = partition_of(subject_id, log.partitions)
        key = SubjectKey(controller.id, log.log_id, log.generation, partition, subject_id)
        return (await reader.views([key]))[key]
    finally:
        await reader.aclose()


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


async def _history(
    reads: Any, controller_id: int, subject_id: bytes, newest: int
) -> tuple[int, list[HistoryEntry]]:
    async with pool.borrowed(reads) as connection:
        rows = await connection.fetch(sql.load("audit_newest_history"), controller_id, subject_id, newest)
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
