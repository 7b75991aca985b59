"""A producer whose path to the broker alone is dead for three minutes, at the deadline of production."""

import asyncio
import secrets
import time
from typing import Any

import pytest

from ledger.domain.events import ConsentGiven, ConsentWithdrawn, Coordinates, Lane, Scope, SubjectEvent
from ledger.domain.ranks import Record, advance_stamp, no_rank, yes_rank
from ledger.event_log import codec, topics
from ledger.event_log.producer import Appender, Attempt
from ledger.event_log.scanning import scan
from ledger.event_log.topics import Log, topic_name
from tests.support.events import envelope

KEY = bytes(range(16))
CUT_S = 180
SCOPE = Scope(purpose="newsletter", channel="email")
GRANT_ID, WITHDRAWAL_ID = b"g" * 16, b"w" * 16


def grant(attempt: Attempt) -> bytes:
    made = envelope(event_id=GRANT_ID, waited_ms=attempt.added_wait_ms, may_be_repeat=attempt.may_be_repeat)
    return codec.encode(ConsentGiven(envelope=made, scope=SCOPE, notice="signup@3"))


def withdrawal(attempt: Attempt) -> bytes:
    made = envelope(event_id=WITHDRAWAL_ID, waited_ms=attempt.added_wait_ms)
    return codec.encode(ConsentWithdrawn(envelope=made, scope=SCOPE))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(420)
async def test_a_grant_that_hangs_for_three_minutes_never_beats_a_withdrawal_made_after_it(
    stack: Any,
) -> None:
    log = Log(
        controller=f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}",
        log_id=secrets.token_bytes(16),
        generation=1,
        partitions=1,
        is_new=True,
    )
    await topics.apply(stack.bootstrap, [log])
    topic = topic_name(log.controller, Lane.LIVE)
    proxy, bootstrap = stack.kafka_proxy()
    with proxy:
        async with Appender(bootstrap) as cut_off, Appender(stack.bootstrap) as whole:
            await cut_off.append(topic, 0, KEY, lambda attempt: b"first", timeout_s=30)
            begun = time.monotonic()
            proxy.stall()
            hanging = asyncio.create_task(cut_off.append(topic, 0, KEY, grant, timeout_s=400))
            await asyncio.sleep(10)
            await whole.append(topic, 0, KEY, withdrawal, timeout_s=30)
            await asyncio.sleep(CUT_S - (time.monotonic() - begun))
            proxy.restore()
            await hanging
            assert cut_off.counts.sessions_given_up >= 1
            assert cut_off.counts.late_acknowledgements == 0

    ranks: dict[str, list[Any]] = {"yes": [], "no": []}
    marks: list[bool] = []
    stamp_ms = clock_floor_ms = 0
    async for batch in scan(stack.bootstrap, topic, 0, 0):
        for record in batch:
            stamp_ms, clock_floor_ms = advance_stamp(stamp_ms, clock_floor_ms, record.timestamp)
            if record.value == b"first" or record.offset == 0:
                continue
            event = codec.decode(record.value)
            assert isinstance(event, SubjectEvent)
            stamped = Record(
                coordinates=Coordinates(
                    log_id=log.log_id, generation=1, lane=Lane.LIVE, partition=0, offset=record.offset
                ),
                broker_ms=record.timestamp,
                stamp_ms=stamp_ms,
                clock_floor_ms=clock_floor_ms,
            )
            if isinstance(event, ConsentGiven):
                ranks["yes"].append(yes_rank(event.envelope, stamped))
                marks.append(event.envelope.may_be_repeat)
            else:
                ranks["no"].append(no_rank(event.envelope, stamped))
    assert len(ranks["no"]) == 1 and ranks["yes"]
    # What the dead path held was reset after 60 s and never arrives; the act came by a later encoding alone.
    assert marks == [True] * len(marks)
    assert max(ranks["yes"]) <= min(ranks["no"])
