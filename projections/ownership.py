"""Who *does* own a partition: claims in Postgres, after the log behind each was found to be ours.

One claim takes a live partition with its backfill twin, and with the controller's catalogue for partition 0, in one
transaction. A partition whose log is not the one that was folded so far is refused with a code that every decision
point sees; the others go on.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition

from ledger.domain.events import Lane
from ledger.errors import IntegrityViolation, Unavailable
from ledger.event_log.topic_table import topic_name
from ledger.log_lines import get_logger
from ledger.metrics import PROJECTION_REFUSED
from ledger.read_model.folding import claims
from ledger.read_model.folding.claims import Taken
from ledger.read_model.folding.records import Partition, PartitionKey
from projections.held import Held, next_attempt
from projections.log_checks import LogProbe

__all__ = ["Ownership", "lanes_of"]

CATALOGUE_PARTITIONS: Final = 1

_log = get_logger(__name__)


class _Examined(NamedTuple):
    """A partition that is the log it claims to be, and up to which offset it is a copy."""

    partition: Partition
    copied_below: int


class Ownership:
    """Claims for one worker, over its writer's connection: that backend is the owner that others may end."""

    def __init__(self, connection: Any, probe: LogProbe, owner_name: str, own_ids: set[bytes]) -> None:
        self._connection = connection
        self._probe = probe
        self._owner_name = owner_name
        # Of the whole process, so that coming back after an outage does not look like another worker's crash.
        self._own_ids = own_ids
        self._refused: dict[TopicPartition, str] = {}

    async def claim(self, live: TopicPartition, already: Iterable[TopicPartition]) -> tuple[Held, ...]:
        """What could be taken for a live partition, of what is not held already.

        Raises ``Unavailable`` when Kafka or Postgres does not answer, or the rows stay locked.
        """
        known = await self._probe.topics()
        controller = _controller_of(live)
        wanted: dict[TopicPartition, _Examined] = {}
        for lane, at in _by_lane(live).items():
            if at in already:
                continue
            if at.topic not in known:
                _log.warning("topic_missing", topic=at.topic, partition=at.partition)
                continue
            found = await self._examine(at, controller, lane)
            if found is not None:
                wanted[at] = found
        return await self._take(wanted)

    async def orphans(self, pattern: str) -> frozenset[TopicPartition]:
        """Live partitions, of topics that match, whose owner is gone without having let go.

        Kafka takes a dead member for alive until its session runs out; its backend in Postgres ends with it. So a
        worker that is started again need not wait to go on, and if the group then decides otherwise, so it is.
        """
        found = await claims.orphans(self._connection)
        return frozenset(TopicPartition(*each) for each in found if re.fullmatch(pattern, each[0]))

    async def note_attempt(self, held: Held) -> None:
        """Writes down, before its first batch, that the partition is begun after an owner that just ended."""
        attempt = next_attempt(held)
        await claims.note_attempt(self._connection, held.taken, *attempt)
        held.crash_offset, held.crash_count = attempt
        held.unclean = False
        if attempt.crash_count > 1:
            _log.warning(
                "partition_begun_again",
                topic=held.at.topic,
                partition=held.at.partition,
                offset=attempt.crash_offset,
                attempt=attempt.crash_count,
            )

    async def refuse(self, held: Held, code: str) -> None:
        """Refuses a partition that is held, and lets go of it."""
        await claims.verdict(self._connection, held.taken, code)
        self._report(held.at, code)

    async def release(self, held: Sequence[Held]) -> None:
        """Lets go, so that the next owner need not wait."""
        await claims.release(self._connection, sorted({each.taken.owner for each in held}))

    async def _examine(
        self, at: TopicPartition, controller: str, lane: Lane
    ) -> _Examined | None:
        try:
            genesis = await self._probe.genesis(at, controller, lane)
        except IntegrityViolation as violation:
            await self._refuse_topic(at, violation.code)
            return None
        except Unavailable as error:
            if error.code != "log_not_ready" or not await self._refuse_topic(at, "log_recreated", quiet=True):
                raise
            return None
        event = genesis.event
        row = await claims.known_log(self._connection, event.log_id, event.generation, controller)
        if row is None or event.partitions != (CATALOGUE_PARTITIONS if lane is Lane.CATALOGUE else row[1]):
            await self._refuse_topic(at, "log_foreign")
            return None
        copied_below = await claims.copied_below(
            self._connection, PartitionKey(event.log_id, event.generation, lane.number, at.partition)
        )
        if genesis.is_copied and copied_below == 0:
            # Its times are a producer's, and nobody has vouched for them as those of the log it was copied from.
            await self._refuse_topic(at, "log_create_time")
            return None
        partition = Partition(
            log_id=event.log_id,
            generation=event.generation,
            lane=lane,
            partition=at.partition,
            partitions=event.partitions,
            controller_id=row[0],
            controller=controller,
            topic=at.topic,
            genesis_id=event.genesis_id,
        )
        await claims.create(self._connection, partition, genesis.digest, genesis.broker_ms)
        return _Examined(partition, copied_below)

    async def _take(self, wanted: dict[TopicPartition, _Examined]) -> tuple[Held, ...]:
        if not wanted:
            return ()
        by_key = {examined.partition.key: at for at, examined in wanted.items()}
        held = []
        for taken in await claims.take(self._connection, by_key, self._owner_name):
            unclean = taken.previous_owner is not None and taken.previous_owner not in self._own_ids
            self._own_ids.add(taken.owner)
            at = by_key[taken.key]
            if await self._is_ours(at, wanted[at].partition, taken):
                held.append(_held(at, wanted[at], taken, unclean=unclean))
        return tuple(held)

    async def _is_ours(self, at: TopicPartition, partition: Partition, taken: Taken) -> bool:
        code = None
        if taken.genesis_id != partition.genesis_id:
            code = "log_recreated"
        else:
            try:
                await self._probe.continues(at, taken.progress)
            except IntegrityViolation as violation:
                code = violation.code
        if code is not None or taken.refused is not None:
            await claims.verdict(self._connection, taken, code)
        self._report(at, code)
        return code is None

    async def _refuse_topic(self, at: TopicPartition, code: str, *, quiet: bool = False) -> bool:
        """Whether a position stood for this partition; what it was folded from is then another log now."""
        stood = "log_recreated" if code == "log_foreign" else code
        rows = await claims.refuse_topic(self._connection, at.topic, at.partition, stood, self._owner_name)
        if rows or not quiet:
            self._report(at, stood if rows else code)
        return rows > 0

    def _report(self, at: TopicPartition, code: str | None) -> None:
        before = self._refused.get(at)
        if before == code:
            return
        if before is not None:
            PROJECTION_REFUSED.labels("fold", before).dec()
            del self._refused[at]
        if code is not None:
            PROJECTION_REFUSED.labels("fold", code).inc()
            self._refused[at] = code
            _log.error("partition_refused", topic=at.topic, partition=at.partition, code=code)
        else:
            _log.info("partition_accepted", topic=at.topic, partition=at.partition)


def lanes_of(live: TopicPartition) -> tuple[TopicPartition, ...]:
    """What the owner of a live partition owns: its twin too, and for partition 0 the controller's catalogue."""
    return tuple(_by_lane(live).values())


def _by_lane(live: TopicPartition) -> dict[Lane, TopicPartition]:
    controller = _controller_of(live)
    lanes = {
        Lane.LIVE: live,
        Lane.BACKFILL: TopicPartition(topic_name(controller, Lane.BACKFILL), live.partition),
    }
    if live.partition == 0:
        lanes[Lane.CATALOGUE] = TopicPartition(topic_name(controller, Lane.CATALOGUE), 0)
    return lanes


def _controller_of(live: TopicPartition) -> str:
    return str(live.topic.removeprefix("ledger.").removesuffix(".events"))


def _held(at: TopicPartition, examined: _Examined, taken: Taken, *, unclean: bool) -> Held:
    return Held(
        at=at,
        partition=examined.partition,
        taken=taken,
        committed=taken.progress,
        prepared=taken.progress,
        crash_offset=taken.crash_offset,
        crash_count=taken.crash_count,
        unclean=unclean,
        copied_below=examined.copied_below,
    )
