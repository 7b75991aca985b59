"""What the brokers say about topics, and the two changes that are asked of them."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from ledger.errors import ConfigurationError
from ledger.event_log.topic_table import Topic

__all__ = ["Found", "FoundTopic", "alter_settings", "create_topics", "describe"]

MAX_REPLICAS: Final = 3
_NO_LEADER: Final = -1
_SET_ON_TOPIC: Final = 1
"""Kafka's config source DYNAMIC_TOPIC_CONFIG."""


class FoundTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is. ``overrides`` are the settings made on the topic itself, ``settings`` all in force."""

    partitions: int
    replicas: int
    has_leaders: bool
    settings: dict[str, str]
    overrides: dict[str, str]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The topics asked for that exist, and the number of replicas that this cluster can keep (3 at most)."""

    topics: dict[str, FoundTopic]
    replicas: int

    def get(self, name: str) -> FoundTopic | None:
        return self.topics.get(name)


async def describe(admin: AIOKafkaAdminClient, names: Iterable[str]) -> Found:
    """The topics of ``names`` that exist, with partitions and settings. Never asks for one that does not exist:
    a broker with auto-creation on would make it."""
    cluster = await admin.describe_cluster()
    existing = sorted(set(names) & set(await admin.list_topics()))
    found: dict[str, FoundTopic] = {}
    if existing:
        settings = await _settings(admin, existing)
        for topic in await admin.describe_topics(existing):
            name, partitions = topic["topic"], topic["partitions"]
            if topic["error_code"] != 0 or name not in settings:
                continue
            in_force, overrides = settings[name]
            found[name] = FoundTopic(
                partitions=len(partitions),
                replicas=min((len(partition["replicas"]) for partition in partitions), default=0),
                has_leaders=all(partition["leader"] != _NO_LEADER for partition in partitions),
                settings=in_force,
                overrides=overrides,
            )
    return Found(topics=found, replicas=min(MAX_REPLICAS, len(cluster["brokers"])))


async def create_topics(
    admin: AIOKafkaAdminClient,
    topics: Iterable[Topic],
    replicas: int,
    changed: Mapping[str, str] | None = None,
) -> None:
    """Make topics; one that exists already is left as it is. ``changed`` replaces settings of the table.

    Raises ``ConfigurationError(topic_refused)``.
    """
    new = [
        NewTopic(
            name=topic.name,
            num_partitions=topic.partitions,
            replication_factor=replicas,
            topic_configs=topic.settings(replicas) | dict(changed or {}),
        )
        for topic in topics
    ]
    for name, code, *message in (await admin.create_topics(new)).topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise _refused(name, code, message[0] if message else None)


async def alter_settings(admin: AIOKafkaAdminClient, name: str, settings: Mapping[str, str]) -> None:
    """Set the topic's own settings to exactly these. Raises ``ConfigurationError(topic_refused)``."""
    resource = ConfigResource(ConfigResourceType.TOPIC, name, dict(settings))
    for answer in await admin.alter_configs([resource]):
        for code, message, _, topic in answer.resources:
            if code != 0:
                raise _refused(topic, code, message)


async def _settings(
    admin: AIOKafkaAdminClient, names: list[str]
) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _, name, entries in answer.resources:
            if code != 0:
                raise _refused(name, code, message)
            in_force = {entry[0]: entry[1] for entry in entries}
            own = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
            found[name] = (in_force, own)
    return found


def _refused(topic: str, code: int, message: str | None) -> ConfigurationError:
    cause = for_code(code).__name__
    return ConfigurationError("topic_refused", f"{topic}: {message or cause}", topic=topic, cause=cause)
