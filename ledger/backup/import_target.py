"""Whether a log may be imported here: the target holds nothing of that name, or a part of this very copy.

What makes a target unfit is never mended or deleted here: it may be somebody's log.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition

from ledger.domain.events import Lane
from ledger.domain.log_records import record_digest
from ledger.errors import Conflict, IntegrityViolation
from ledger.event_log.archive_form import Manifest, partitions_of
from ledger.event_log.broker import administering, reading
from ledger.event_log.cluster import describe
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import Log, topic_name, topics_of
from ledger.read_model import pool, sql

__all__ = ["Present", "examine"]

QUERIES: Final = "ledger.backup.queries"
READY: Final = "ready"


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at the target: the end of each partition that is there, and whether the whole copy is."""

    ends: Mapping[tuple[Lane, int], int]
    is_complete: bool


async def examine(connection: Any, bootstrap: str, manifest: Manifest, *, restoring: bool) -> Present:
    """What is there already of the log. Changes nothing. ``restoring``: a log that stands here may be the one itself.

    Raises ``Conflict(import_target_in_use)`` when the controller has another log, the log another controller, or a
    topic more records than the export; ``IntegrityViolation(log_truncated)`` when more was folded from the log than
    the export holds: with a copy that is shorter, other records would come to stand where those stood.
    """
    state = await _state(connection, manifest)
    ends = await _ends(bootstrap, manifest)
    wanted = {place: manifest.next_offset(*place) for place in partitions_of(manifest)}
    may_stand = state == READY or (restoring and state is None)
    if may_stand and all(ends.get(place, 0) >= end for place, end in wanted.items()):
        await _require_same(bootstrap, manifest)
        return Present(ends=ends, is_complete=True)
    for (lane, partition), end in wanted.items():
        found = ends.get((lane, partition), 0)
        if found > end:
            raise Conflict(
                "import_target_in_use",
                f"{topic_name(manifest.controller, lane)}, partition {partition}, holds {found} records; the export "
                f"holds {end}.",
            )
        await _require_not_folded_beyond(connection, manifest, lane, partition, end)
    return Present(ends=ends, is_complete=False)


async def _state(connection: Any, manifest: Manifest) -> str | None:
    """The state of this very log in the control tables, or None when neither log nor controller is known."""
    log_id = bytes.fromhex(manifest.log_id)
    with pool.translated():
        rows = await connection.fetch(sql.load("controller_list"))
        owner = await connection.fetchval(sql.load("log_owner", QUERIES), log_id, manifest.generation)
    known = next((row for row in rows if row["name"] == manifest.controller), None)
    if owner is not None and owner != manifest.controller:
        raise Conflict("import_target_in_use", f"The log {manifest.log_id} is here already, as that of {owner}.")
    if known is None or known["log_id"] is None:
        return None
    if (known["log_id"], known["generation"]) != (log_id, manifest.generation):
        raise Conflict(
            "import_target_in_use",
            f"{manifest.controller} has the log {known['log_id'].hex()}, generation {known['generation']}, here.",
        )
    state: str = known["state"]
    return state


async def _ends(bootstrap: str, manifest: Manifest) -> dict[tuple[Lane, int], int]:
    topics = topics_of(
        Log(
            controller=manifest.controller,
            log_id=bytes.fromhex(manifest.log_id),
            generation=manifest.generation,
            partitions=manifest.partitions,
            is_new=False,
        )
    )
    async with administering(bootstrap) as admin:
        found = await describe(admin, [topic.name for topic in topics])
    places: dict[TopicPartition, tuple[Lane, int]] = {}
    for topic in topics:
        present = found.get(topic.name)
        if present is None or topic.lane is None:
            continue
        if present.partitions != topic.partitions:
            raise Conflict(
                "import_target_in_use",
                f"{topic.name} has {present.partitions} partitions here, not {topic.partitions}.",
            )
        for number in range(topic.partitions):
            places[TopicPartition(topic.name, number)] = (topic.lane, number)
    if not places:
        return {}
    async with reading(bootstrap) as consumer:
        ends = await consumer.end_offsets(list(places))
    return {places[place]: end for place, end in ends.items()}


async def _require_not_folded_beyond(
    connection: Any, manifest: Manifest, lane: Lane, partition: int, end: int
) -> None:
    with pool.translated():
        folded = await connection.fetchval(
            sql.load("log_folded_beyond", QUERIES),
            bytes.fromhex(manifest.log_id),
            manifest.generation,
            lane.number,
            partition,
        )
    if folded > end:
        raise IntegrityViolation(
            "log_truncated",
            f"The read model was folded to offset {folded} of {topic_name(manifest.controller, lane)}, partition "
            f"{partition}; the export ends at {end}.",
        )


async def _require_same(bootstrap: str, manifest: Manifest) -> None:
    """The last archived record of each partition stands on the topic."""
    for lane, partition in partitions_of(manifest):
        file = manifest.files_of(lane, partition)[-1]
        topic = topic_name(manifest.controller, lane)
        offset = file.next_offset - 1
        async for records in scan(bootstrap, topic, partition, offset, offset + 1):
            for record in records:
                digest = record_digest(record.key, record.value, record.timestamp)
                if digest.hex() != file.last_digest:
                    raise IntegrityViolation(
                        "import_target_differs",
                        f"{topic}, partition {partition}, holds another record at offset {offset} than the export.",
                    )
