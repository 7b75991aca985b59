"""Keeps the vault in step with the log: what was blocked and erased is so in the vault, whatever backup it came from.

Positions of the live lanes stand in the vault, so a restored vault has old positions with its old rows. Whoever uses
the vault follows the log first, to the ends found at start, and answers nothing before (races.md, D32). In a vault
that was never restored following finds nothing to do: the rows were there before the events.

Only four types of event matter, told by the fingerprint in front of a record; all others are passed over unread. A log
that is gone, or does not reach as far as it was followed, keeps its own controller out and nobody else's.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from ledger.domain.envelope import Lane
from ledger.domain.erasure_events import ErasureAdvanced, ErasureRequested, SubjectBlocked, SubjectErased
from ledger.erasure.restoring import Restorer
from ledger.errors import MalformedRecord, Unavailable
from ledger.event_log import codec
from ledger.event_log.broker import translated
from ledger.event_log.schemas import load
from ledger.event_log.topics import topic_name
from ledger.log_lines import get_logger
from ledger.read_model import pool, sql
from ledger.vault.directory import Controller

__all__ = ["Follower"]

FETCH_RECORDS: Final = 5_000
FETCH_WAIT_MS: Final = 200
LOOK_SECONDS: Final = 1.0
BROKEN_SECONDS: Final = 60.0
_FETCH_BYTES: Final = 2 * 2**20
_HEADER: Final = slice(2, 10)
_QUERIES: Final = "ledger.vault.queries"
_log = get_logger(__name__)
_FOLLOWED: Final = (ErasureRequested, ErasureAdvanced, SubjectBlocked, SubjectErased)
_FINGERPRINTS: Final = frozenset(
    schema.fingerprint for schema in load().by_fingerprint.values() if schema.event_type in _FOLLOWED
)


class _Place(NamedTuple):
    """One partition of a live lane."""

    controller: Controller
    log_id: bytes
    generation: int
    partition: int


class Follower:
    """Follows every controller's live lane, or of one ``only``, from the positions in the vault. An async context manager.

    ``connections`` is a pool of the read model, ``vault`` one of the vault.
    """

    def __init__(
        self, bootstrap: str, vault: Any, connections: Any, restorer: Restorer, *, only: str | None = None
    ) -> None:
        self._only = only
        self._vault = vault
        self._connections = connections
        self._restorer = restorer
        self._places: dict[TopicPartition, _Place] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._looked_at = 0.0
        self._broken_at = 0.0
        self.broken: dict[int, str] = {}
        """Why a controller's log cannot be followed, by the controller's id."""
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="ledger-vault-follower",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def __aenter__(self) -> Self:
        with translated():
            await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def catch_up(self) -> None:
        """Returns when the vault has followed every live lane to the end that it had when this was called.

        Those of the controllers in :attr:`broken` are left out.
        """
        await self.look_for_logs()
        with translated():
            ends = await self._consumer.end_offsets(list(self._places)) if self._places else {}
        while any(self._positions[at] < end for at, end in ends.items() if at in self._places):
            await self.follow()

    async def look_for_logs(self) -> None:
        """Takes up logs that were made since."""
        self._looked_at = time.monotonic()
        async with pool.borrowed(self._connections) as connection:
            rows = await connection.fetch(sql.load("controller_list"))
        found = {
            TopicPartition(topic_name(row["name"], Lane.LIVE), number): _Place(
                Controller(row["id"], row["name"]), row["log_id"], row["generation"], number
            )
            for row in rows
            if row["state"] == "ready" and self._only in (None, row["name"])
            for number in range(row["partitions"])
        }
        if time.monotonic() - self._broken_at > BROKEN_SECONDS:
            # Looked at again: somebody may have put it right.
            self.broken, self._broken_at = {}, time.monotonic()
        fresh = {
            at: place
            for at, place in found.items()
            if at not in self._places and place.controller.id not in self.broken
        }
        if fresh:
            await self._take_up(fresh)

    async def _take_up(self, fresh: Mapping[TopicPartition, _Place]) -> None:
        """Follows these as well, from the vault's positions, unless they do not reach so far."""
        positions = await self._read_positions(fresh)
        with translated():
            topics = await self._consumer.topics()
            there = [at for at in fresh if at.topic in topics]
            begins = await self._consumer.beginning_offsets(there)
            ends = await self._consumer.end_offsets(there)
        for at, place in fresh.items():
            if at not in ends:
                self._give_up(place.controller, "topic_missing")
            elif not begins[at] <= positions[at] <= ends[at]:
                self._give_up(place.controller, "log_truncated")
        self._places |= fresh
        self._positions |= positions
        self._assign()

    def _give_up(self, controller: Controller, code: str) -> None:
        self.broken[controller.id] = code
        _log.error("log_not_followed", controller=controller.name, code=code)

    def _assign(self) -> None:
        self._places = {at: one for at, one in self._places.items() if one.controller.id not in self.broken}
        self._consumer.assign(list(self._places))
        for at in self._places:
            self._consumer.seek(at, self._positions[at])

    async def follow(self, wait_ms: int = FETCH_WAIT_MS) -> int:
        """Follows what has come since, waiting ``wait_ms`` for it at most; returns how many records it passed."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            await self.look_for_logs()
        if not self._places:
            await asyncio.sleep(wait_ms / 1000)
            return 0
        try:
            with translated():
                fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await self._consumer.getmany(
                    timeout_ms=wait_ms, max_records=FETCH_RECORDS
                )
        except Unavailable as error:
            if not isinstance(error.__cause__, OffsetOutOfRangeError):
                raise
            for at in error.__cause__.args[0]:
                self._give_up(self._places[at].controller, "log_truncated")
            self._assign()
            return 0
        passed = 0
        for at, records in fetched.items():
            for record in records:
                await self._follow_record(self._places[at], record)
            passed += await self._note(at)
        if not fetched and wait_ms:
            # A transaction's marker at the end of a lane takes an offset and is no record.
            for at in self._places:
                passed += await self._note(at)
        return passed

    async def _note(self, at: TopicPartition) -> int:
        """Writes down how far a partition was followed; returns by how much more than before."""
        place = self._places[at]
        with translated():
            next_offset: int = await self._consumer.position(at)
        passed = next_offset - self._positions[at]
        if passed > 0:
            async with pool.borrowed(self._vault) as connection:
                await connection.execute(
                    sql.load("vault_position_advance", _QUERIES),
                    place.log_id, place.generation, place.partition, place.controller.id, next_offset,
                )  # fmt: skip
            self._positions[at] = next_offset
        return passed

    async def _follow_record(self, place: _Place, record: ConsumerRecord) -> None:
        value = record.value
        if value is None or record.key is None or value[_HEADER] not in _FINGERPRINTS:
            return
        try:
            event = codec.decode(value)
        except MalformedRecord:
            # Quarantined by the fold, which denies its subject.
            return
        envelope = event.envelope  # type: ignore[union-attr]  # each of the followed types has one
        if envelope.controller != place.controller.name or envelope.request_id is None:
            return
        await self._restorer.apply(place.controller, bytes(record.key), event, record)

    async def _read_positions(self, places: Mapping[TopicPartition, _Place]) -> dict[TopicPartition, int]:
        async with pool.borrowed(self._vault) as connection:
            rows = await connection.fetch(sql.load("vault_positions", _QUERIES))
        known = {(row["log_id"], row["generation"], row["partition"]): row["next_offset"] for row in rows}
        return {
            at: known.get((place.log_id, place.generation, place.partition), 1) for at, place in places.items()
        }
