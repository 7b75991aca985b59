"""The one table of topics: names, partitions, and every setting that proof or order rests on."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from ledger.domain.events import Lane

__all__ = [
    "ACKNOWLEDGEMENTS_TOPIC",
    "EVIDENCE_RETENTION_MS",
    "EVIDENCE_TOPIC_PATTERN",
    "HEARTBEAT_TOPIC",
    "LIVE_TOPIC_PATTERN",
    "PARTITIONS_BY_SIZE",
    "Log",
    "Size",
    "Topic",
    "all_topics",
    "heartbeat_topic",
    "orders_topic",
    "topic_name",
    "topics_of",
]

Size = Literal["small", "medium", "large"]
Kind = Literal["events", "backfill", "catalogue", "evidence"]

PARTITIONS_BY_SIZE: Final[Mapping[str, int]] = {"small": 1, "medium": 6, "large": 24}
"""Set at creation and never changed: a subject's partition follows from the number (races.md, Q11)."""

HEARTBEAT_TOPIC: Final = "ledger.heartbeat"
ACKNOWLEDGEMENTS_TOPIC: Final = "ledger.acknowledgements"
"""Where the holders of every controller answer: they may write to it and not read it."""
LIVE_TOPIC_PATTERN: Final = r"^ledger\.[a-z0-9][a-z0-9_.-]{0,63}\.events$"
"""What the fold's group subscribes to."""

EVIDENCE_TOPIC_PATTERN: Final = r"^ledger\.(?P<controller>[a-z0-9][a-z0-9_.-]{0,63})\.evidence$"
"""What the intake of evidence subscribes to."""

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_ORDERS_KEPT_MS: Final = 7 * _DAY_MS
_LANES: Final[tuple[tuple[Kind, Lane], ...]] = (
    ("catalogue", Lane.CATALOGUE),
    ("evidence", Lane.EVIDENCE),
    ("backfill", Lane.BACKFILL),
    # Last, so that a genesis in its partition 0 says that all the others are there.
    ("events", Lane.LIVE),
)
_KIND_OF: Final = {lane: kind for kind, lane in _LANES}
EVIDENCE_RETENTION_MS: Final = 30 * _DAY_MS
"""The outer bound: it is read within seconds, and deleted once it is in the vault (races.md, D29)."""
_RETENTION_MS: Final[Mapping[Lane, int]] = {Lane.EVIDENCE: EVIDENCE_RETENTION_MS}
_WEEK_MS: Final = 7 * _DAY_MS
_SEGMENT_MS: Final[Mapping[Lane | None, int]] = {Lane.EVIDENCE: _HOUR_MS}
"""Deleting records only moves where a partition begins. Kafka removes their file once it is closed, which the first
record does that comes after this time."""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of a controller's log, as ``control.log`` has it. ``is_new``: not all genesis records known.

    ``is_copy``: its first records were copied from elsewhere, with the times of their origin.
    """

    controller: str
    log_id: bytes
    generation: int
    partitions: int
    is_new: bool
    is_copy: bool = False


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it must be. ``lane`` is None for one that belongs to no log and has no genesis."""

    name: str
    lane: Lane | None
    partitions: int
    retention_ms: int

    def settings(self, replicas: int) -> dict[str, str]:
        """Kafka's settings of the topic. Every one is stated: a broker's own defaults must not decide about proof."""
        return {
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "max.message.bytes": "1048588",
            # Stamps and ranks rest on the broker's clock; a record with a producer's time refuses the partition.
            "message.timestamp.type": "LogAppendTime",
            # One broker may fail without stopping appends, and an acknowledged record is on more than one.
            "min.insync.replicas": str(max(1, replicas - 1)),
            "retention.bytes": "-1",
            "retention.ms": str(self.retention_ms),
            # A week is Kafka's own.
            "segment.ms": str(_SEGMENT_MS.get(self.lane, _WEEK_MS)),
            "unclean.leader.election.enable": "false",
        }


def topic_name(controller: str, kind: Kind | Lane) -> str:
    """The topic of one lane of a controller: ``ledger.<controller>.<kind>``."""
    return f"ledger.{controller}.{_KIND_OF[kind] if isinstance(kind, Lane) else kind}"


def topics_of(log: Log) -> tuple[Topic, ...]:
    """The topics of a log, in the order in which their genesis records are written."""
    return tuple(
        Topic(
            name=topic_name(log.controller, kind),
            lane=lane,
            partitions=1 if lane is Lane.CATALOGUE else log.partitions,
            retention_ms=_RETENTION_MS.get(lane, -1),
        )
        for kind, lane in _LANES
    )


def heartbeat_topic() -> Topic:
    """The topic whose acknowledgements tell the fold the broker's time."""
    return Topic(name=HEARTBEAT_TOPIC, lane=None, partitions=1, retention_ms=_HOUR_MS)


def orders_topic(controller: str) -> str:
    """Where the holders of one controller read their orders. An order that expires unread is sent again."""
    return f"ledger.{controller}.orders"


def all_topics(logs: Iterable[Log]) -> tuple[tuple[Topic, Log | None], ...]:
    """Every topic there must be, with its log; None where a topic belongs to no log."""
    known = tuple(logs)
    orders = dict.fromkeys(orders_topic(log.controller) for log in known)
    return (
        (heartbeat_topic(), None),
        (Topic(name=ACKNOWLEDGEMENTS_TOPIC, lane=None, partitions=1, retention_ms=_ORDERS_KEPT_MS), None),
        *((Topic(name=name, lane=None, partitions=1, retention_ms=_ORDERS_KEPT_MS), None) for name in orders),
        *((topic, log) for log in known for topic in topics_of(log)),
    )
