"""Records in doubt, for tests: how an older version left one, and the events that end a doubt."""

from typing import Any

from ledger.domain.events import GENESIS_KEY, Lane, QuarantineAdmitted, QuarantineDiscarded, RecordPlace
from ledger.event_log import codec
from ledger.event_log.log_info import read_log_info
from tests.support.folding import LogUnderTest
from tests.support.log_records import envelope

__all__ = ["end_doubt", "entries", "leave_in_doubt"]

_FORGET_ROWS = """
delete from standing
where controller_id = $1 and generation = $2 and lane = $3 and partition = $4 and "offset" = $5
"""
_FORGET_EVENT = """
update history
set
    event_id = null, act_id = null, event_type = null, rank_ms = null, rank_seq = null, effective_from_ms = null,
    content_digest = null, body = null, outcome = 'quarantined'
where controller_id = $1 and generation = $2 and lane = $3 and partition = $4 and "offset" = $5
"""
_OPEN = """
insert into quarantine (
    controller_id, generation, lane, partition, "offset", subject_id, reason, broker_ms, stamp_ms, clock_floor_ms,
    record_digest
)
select
    controller_id, generation, lane, partition, "offset", subject_id, 'unknown_schema', broker_ms, stamp_ms,
    clock_floor_ms, record_digest
from history
where controller_id = $1 and generation = $2 and lane = $3 and partition = $4 and "offset" = $5
"""


async def leave_in_doubt(log: LogUnderTest, offset: int, lane: Lane = Lane.LIVE, partition: int = 0) -> None:
    """A record that was counted, as a version that did not know its schema would have left it."""
    controller_id = await log.connection.fetchval(
        "select id from control.controller where name = $1", log.controller
    )
    async with log.connection.transaction():
        for statement in (_FORGET_ROWS, _FORGET_EVENT, _OPEN):
            done = await log.connection.execute(statement, controller_id, 1, lane.number, partition, offset)
            assert statement is _FORGET_ROWS or done.endswith(" 1"), done


async def end_doubt(
    log: LogUnderTest,
    offset: int,
    *,
    admit: bool,
    key: bytes = GENESIS_KEY,
    lane: Lane = Lane.LIVE,
    partition: int = 0,
    **changed: Any,
) -> bytes:
    """Appends the event that admits or discards the record at these coordinates; its event id."""
    info = await read_log_info(log.stack.bootstrap, log.controller)
    place = {
        "log_id": info.log_id,
        "generation": info.generation,
        "lane": lane,
        "partition": partition,
        "offset": offset,
    }
    kind = QuarantineAdmitted if admit else QuarantineDiscarded
    event = kind(
        envelope=envelope(controller=log.controller),
        record=RecordPlace(**(place | changed)),
        author="nora",
        reason="looked-at",
    )
    where = partition if key == GENESIS_KEY else None
    await log.append_raw(key, codec.encode(event), partition=where)
    return event.envelope.event_id


async def entries(log: LogUnderTest) -> dict[tuple[Lane, int, int], tuple[str, str]]:
    """Reason and state of every entry, by lane, partition and offset."""
    return {
        (Lane.of_number(row["lane"]), row["partition"], row["offset"]): (row["reason"], row["state"])
        for row in await log.quarantine()
    }
