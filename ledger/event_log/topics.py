"""What Kafka has, compared with the table of topics (:func:`plan`) and brought into line with it (:func:`apply`).

Nothing else makes topics: auto-creation is off. A log is *new* until every partition has its genesis record; after
that a topic that is gone or empty is never made anew, because an empty topic would pass for a log in which nobody
ever withdrew.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ledger.domain.events import Lane, LogGenesis
from ledger.errors import IntegrityViolation
from ledger.event_log.broker import administering, reading
from ledger.event_log.cluster import Found, FoundTopic, alter_settings, create_topics, describe
from ledger.event_log.genesis import (
    GENESIS_FETCH_WAIT_MS,
    expected_genesis,
    is_same_log,
    read_geneses,
    write_genesis,
)
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import (
    HEARTBEAT_TOPIC,
    LIVE_TOPIC_PATTERN,
    PARTITIONS_BY_SIZE,
    Log,
    Size,
    Topic,
    all_topics,
    topic_name,
    topics_of,
)

__all__ = [
    "HEARTBEAT_TOPIC",
    "LIVE_TOPIC_PATTERN",
    "PARTITIONS_BY_SIZE",
    "Finding",
    "Log",
    "Size",
    "apply",
    "plan",
    "raise_refused",
    "topic_name",
    "topics_of",
    "wait_for_topics",
]

_GENESIS_TIMEOUT_S: Final = 60.0
_APPEAR_TIMEOUT_S: Final = 30.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between the table and Kafka. ``refused`` is the error code of one that is never mended here."""

    topic: str
    what: str
    refused: str | None = None


async def plan(bootstrap: str, logs: Iterable[Log]) -> tuple[Finding, ...]:
    """Every difference between the table and Kafka, topic by topic; empty when there is nothing to do.

    Raises ``Unavailable(log_unavailable)``.
    """
    wanted = all_topics(logs)
    async with (
        administering(bootstrap) as admin,
        reading(bootstrap, fetch_max_wait_ms=GENESIS_FETCH_WAIT_MS) as consumer,
    ):
        found = await describe(admin, [topic.name for topic, _ in wanted])
        findings: list[Finding] = []
        for topic, log in wanted:
            findings += await _differences(consumer, topic, log, found.get(topic.name), found.replicas)
        return tuple(findings)


async def apply(bootstrap: str, logs: Iterable[Log]) -> tuple[Finding, ...]:
    """Make what is missing and mend settings, then write the genesis records of new logs. Returns what was found.

    A log with a refused finding is left wholly alone; see :func:`raise_refused`. Repeatable after a crash between
    any two steps. Two runs at once could write two genesis records into a partition, so the caller holds a lock.
    Raises ``Unavailable(log_unavailable)``.
    """
    wanted = all_topics(logs)
    findings: list[Finding] = []
    async with (
        administering(bootstrap) as admin,
        reading(bootstrap, fetch_max_wait_ms=GENESIS_FETCH_WAIT_MS) as consumer,
        Appender(bootstrap) as appender,
    ):
        found = await describe(admin, [topic.name for topic, _ in wanted])
        for topics, log in _by_log(wanted):
            of_log: list[Finding] = []
            for topic in topics:
                of_log += await _differences(consumer, topic, log, found.get(topic.name), found.replicas)
            findings += of_log
            if not of_log or any(finding.refused for finding in of_log):
                continue
            await _bring_about(admin, topics, found)
            if log is not None and log.is_new:
                await wait_for_topics(admin, topics)
                await _write_missing_geneses(consumer, appender, topics, log)
    return tuple(findings)


def raise_refused(findings: Sequence[Finding]) -> None:
    """Raise ``IntegrityViolation`` for the first finding that was refused, naming all of them."""
    refused = [finding for finding in findings if finding.refused is not None]
    if refused and refused[0].refused is not None:
        told = "; ".join(f"{finding.topic}: {finding.what}" for finding in refused)
        raise IntegrityViolation(refused[0].refused, told, topic=refused[0].topic)


async def _differences(
    consumer: AIOKafkaConsumer, topic: Topic, log: Log | None, found: FoundTopic | None, replicas: int
) -> list[Finding]:
    if found is None:
        if log is not None and not log.is_new:
            return [Finding(topic=topic.name, what="the topic is gone", refused="topic_missing")]
        return [Finding(topic=topic.name, what=f"to be made, with {topic.partitions} partitions")]
    if found.partitions != topic.partitions:
        what = f"has {found.partitions} partitions, not {topic.partitions}"
        return [Finding(topic=topic.name, what=what, refused="topic_partitions_differ")]
    findings = [
        Finding(topic=topic.name, what=f"{name} is {found.settings.get(name)}, to be {value}")
        for name, value in topic.settings(found.replicas).items()
        if found.settings.get(name) != value
    ]
    if found.replicas < replicas:
        what = f"has {found.replicas} replicas, {replicas} are possible: reassign it with Kafka's own tools"
        findings.append(Finding(topic=topic.name, what=what))
    if log is not None:
        findings += await _genesis_differences(consumer, topic, log)
    return findings


async def _genesis_differences(consumer: AIOKafkaConsumer, topic: Topic, log: Log) -> list[Finding]:
    places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    consumer.assign(places)
    findings = []
    read = await read_geneses(consumer, topic.name, range(topic.partitions), may_be_copied=log.is_copy)
    for number, found in sorted(read.items()):
        where = f"partition {number}"
        if isinstance(found, IntegrityViolation):
            if topic.lane is Lane.EVIDENCE and found.code == "log_truncated":
                # Its records expire, the genesis among them.
                continue
            findings.append(Finding(topic=topic.name, what=f"{where}: {found.detail}", refused=found.code))
        elif found is None:
            refused = None if log.is_new else "log_recreated"
            findings.append(Finding(topic=topic.name, what=f"{where} has no genesis record", refused=refused))
        elif not is_same_log(found.genesis, _genesis(topic, log, number)):
            what = f"{where} has the genesis record of another log"
            findings.append(Finding(topic=topic.name, what=what, refused="log_foreign"))
    return findings


async def _bring_about(admin: AIOKafkaAdminClient, topics: Sequence[Topic], found: Found) -> None:
    missing = [topic for topic in topics if found.get(topic.name) is None]
    if missing:
        await create_topics(admin, missing, found.replicas)
    for topic in topics:
        present = found.get(topic.name)
        if present is None:
            continue
        settings = topic.settings(present.replicas)
        if any(present.settings.get(name) != value for name, value in settings.items()):
            # Kafka replaces the whole set, so what an operator has set besides is sent along.
            await alter_settings(admin, topic.name, present.overrides | settings)


async def _write_missing_geneses(
    consumer: AIOKafkaConsumer, appender: Appender, topics: Sequence[Topic], log: Log
) -> None:
    """One genesis into each partition that is empty: topic by topic, the live topic and in it partition 0 last.

    A log whose live partition 0 has its genesis is therefore ready.
    """
    ends = await consumer.end_offsets(
        [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    )
    for topic in topics:
        empty = [number for number in range(topic.partitions) if ends[TopicPartition(topic.name, number)] == 0]
        await asyncio.gather(
            *(
                write_genesis(appender, topic.name, _genesis(topic, log, number), _GENESIS_TIMEOUT_S)
                for number in empty
                if number != 0
            )
        )
        if 0 in empty:
            await write_genesis(appender, topic.name, _genesis(topic, log, 0), _GENESIS_TIMEOUT_S)


async def wait_for_topics(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Return when every partition has a leader: a new topic is announced before it can be written to."""
    async with asyncio.timeout(_APPEAR_TIMEOUT_S):
        while True:
            found = await describe(admin, [topic.name for topic in topics])
            if all((now := found.get(topic.name)) is not None and now.has_leaders for topic in topics):
                return
            await asyncio.sleep(0.05)


def _genesis(topic: Topic, log: Log, partition: int) -> LogGenesis:
    if topic.lane is None:
        raise ValueError(f"{topic.name} belongs to no log and has no genesis")
    return expected_genesis(
        log.controller, log.log_id, log.generation, topic.lane, partition, topic.partitions
    )


def _by_log(
    wanted: Iterable[tuple[Topic, Log | None]],
) -> Iterable[tuple[list[Topic], Log | None]]:
    grouped: dict[tuple[bytes, int] | None, tuple[list[Topic], Log | None]] = {}
    for topic, log in wanted:
        key = None if log is None else (log.log_id, log.generation)
        grouped.setdefault(key, ([], log))[0].append(topic)
    return grouped.values()
