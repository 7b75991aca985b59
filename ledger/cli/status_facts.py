"""What ``ledger status`` looks at, each with a deadline of its own, so that one service away hides nothing else."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from aiokafka import TopicPartition

from ledger import settings
from ledger.domain.events import Lane
from ledger.errors import LedgerError
from ledger.event_log.broker import reading
from ledger.event_log.topic_table import HEARTBEAT_TOPIC
from ledger.read_model import pool, sql
from ledger.read_model.migrate import READ_MODEL_MIGRATIONS, VAULT_MIGRATIONS, migrations

__all__ = ["Doubt", "Facts", "KeyEnd", "Orders", "Partition", "Vault", "gather"]

APPLICATION_NAME: Final = "ledger-status"
VAULT_QUERIES: Final = "ledger.vault.queries"
LOOK_SECONDS: Final = 15.0
HEARTBEATS_LOOKED_AT: Final = 200
READ_MS: Final = 2_000
KEY_DAYS: Final = 14
LATE_MS: Final = 60_000

FoundT = TypeVar("FoundT")


class Partition(msgspec.Struct, kw_only=True):
    """One partition of a lane: how far it is folded, and where it ends (None when Kafka does not say)."""

    controller: str
    lane: str
    partition: int
    topic: str
    next_offset: int
    folded_through_ms: int
    refused: str | None
    is_owned: bool
    end_offset: int | None = None

    @property
    def lag(self) -> int | None:
        return None if self.end_offset is None else max(0, self.end_offset - self.next_offset)


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """Open quarantine entries of one controller and reason."""

    controller: str
    reason: str
    entries: int
    without_subject: int


class KeyEnd(msgspec.Struct, frozen=True, kw_only=True):
    """An API key that expires soon, or has expired."""

    prefix: str
    controller: str
    source: str
    expires_ms: int


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Orders to one holder that are not done with."""

    holder: str
    open_orders: int
    overdue_orders: int
    refused_orders: int


class Vault(msgspec.Struct, frozen=True, kw_only=True):
    """What the vault has open."""

    open_requests: int
    overdue_requests: int
    failing_requests: int
    next_due_ms: int | None
    orders: tuple[Orders, ...]
    unsent_events: int
    late_events: int
    old_intake_keys: int


class Facts(msgspec.Struct, kw_only=True):
    """Everything that was seen. ``away`` names what could not be looked at, with the error's code and detail."""

    now_ms: int
    away: dict[str, tuple[str, str]] = {}
    controllers: tuple[str, ...] = ()
    partitions: tuple[Partition, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    keys: tuple[KeyEnd, ...] = ()
    missing_migrations: tuple[str, ...] = ()
    unknown_migrations: tuple[str, ...] = ()
    heartbeats_ms: dict[str, int] = {}
    vault: Vault | None = None


async def gather(operator: settings.OperatorSettings) -> Facts:
    """The facts, as far as they can be had within seconds; raises only for a setting that is missing."""
    bootstrap, dsn = settings.require(operator, "kafka_bootstrap"), settings.require(operator, "postgres_dsn")
    facts = Facts(now_ms=time.time_ns() // 1_000_000, away={}, heartbeats_ms={})
    await asyncio.gather(
        _seen(facts, "postgres", _look_at_postgres(facts, dsn)),
        _seen(facts, "vault", _look_at_vault(facts, operator.vault_dsn or dsn)),
        _seen(facts, "kafka", _look_at_heartbeats(facts, bootstrap)),
    )
    if facts.partitions and "kafka" not in facts.away:
        await _seen(facts, "kafka", _look_at_ends(facts, bootstrap))
    return facts


async def _seen(facts: Facts, what: str, looking: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(looking, LOOK_SECONDS)
    except LedgerError as error:
        facts.away[what] = (error.code, error.detail)
    except TimeoutError:
        facts.away[what] = (f"{what}_silent", f"No answer within {LOOK_SECONDS:g} s.")


async def _look_at_postgres(facts: Facts, dsn: str) -> None:
    connection = await pool.connect(dsn, application_name=APPLICATION_NAME)
    try:
        with pool.translated():
            await _note_migrations(facts, connection, "control", READ_MODEL_MIGRATIONS)
            rows = await connection.fetch(sql.load("controller_list"))
            facts.controllers = tuple(row["name"] for row in rows)
            rows = await connection.fetch(sql.load("status_positions"))
            facts.partitions = tuple(
                Partition(**{**dict(row), "lane": Lane.of_number(row["lane"]).value}) for row in rows
            )
            facts.doubts = _structs(Doubt, await connection.fetch(sql.load("status_doubts")))
            facts.keys = _structs(KeyEnd, await connection.fetch(sql.load("status_api_keys"), KEY_DAYS))
    finally:
        connection.terminate()


async def _look_at_vault(facts: Facts, dsn: str) -> None:
    connection = await pool.connect(dsn, application_name=APPLICATION_NAME)
    try:
        with pool.translated():
            await _note_migrations(facts, connection, "vault", VAULT_MIGRATIONS)
            requests = await connection.fetchrow(sql.load("status_erasures", VAULT_QUERIES), facts.now_ms)
            orders = await connection.fetch(sql.load("status_orders", VAULT_QUERIES), facts.now_ms)
            waiting = await connection.fetchrow(
                sql.load("status_waiting", VAULT_QUERIES), facts.now_ms - LATE_MS
            )
            facts.vault = Vault(**dict(requests), **dict(waiting), orders=_structs(Orders, orders))
    finally:
        connection.terminate()


async def _note_migrations(facts: Facts, connection: Any, home: str, package: str) -> None:
    """What this version has and the database lacks, and the reverse."""
    known = {migration.name for migration in migrations(package)}
    applied = {row["name"] for row in await connection.fetch(sql.load("migration_list").format(home=home))}
    facts.missing_migrations += tuple(sorted(known - applied))
    facts.unknown_migrations += tuple(sorted(applied - known))


async def _look_at_heartbeats(facts: Facts, bootstrap: str) -> None:
    """The broker time of the last heartbeat of each kind of worker."""
    place = TopicPartition(HEARTBEAT_TOPIC, 0)
    async with reading(bootstrap) as consumer:
        if HEARTBEAT_TOPIC not in await consumer.topics():
            return
        begin = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        consumer.assign([place])
        consumer.seek(place, max(begin, end - HEARTBEATS_LOOKED_AT))
        while await consumer.position(place) < end:
            found = await consumer.getmany(place, timeout_ms=READ_MS)
            for record in found.get(place, []):
                name = (record.key or b"").decode("ascii", "replace")
                facts.heartbeats_ms[name] = max(record.timestamp, facts.heartbeats_ms.get(name, 0))


async def _look_at_ends(facts: Facts, bootstrap: str) -> None:
    async with reading(bootstrap) as consumer:
        topics = await consumer.topics()
        there = [each for each in facts.partitions if each.topic in topics]
        ends = await consumer.end_offsets([TopicPartition(each.topic, each.partition) for each in there])
    for each in there:
        each.end_offset = ends[TopicPartition(each.topic, each.partition)]


def _structs(kind: type[FoundT], rows: Iterable[Any]) -> tuple[FoundT, ...]:
    found: Sequence[FoundT] = [kind(**dict(row)) for row in rows]
    return tuple(found)
