"""An order reaches its holder and is answered: a table in Postgres, a compacted topic, and one that is away."""

import asyncio
import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from ledger.domain.identifiers import email, phone
from ledger.erasure.acknowledgements import Taken
from ledger.erasure.orders import give_anew
from ledger.errors import ConfigurationError, NotFound
from ledger.event_log.broker import administering
from ledger.event_log.compacted_topic import ROLLER_KEY, CompactedTopic, scan_topic
from ledger.event_log.scanning import bounds_of, scan
from ledger.event_log.topic_table import orders_topic
from ledger.sdk.compacted_topic import CompactedTopicHolder
from ledger.sdk.holder import Erased, NothingHeld, PersonToErase, Refused
from tests.support.holder_side import compacted_topic, fill, ledger_side, running, until
from tests.support.orders import DAY_MS, Erasure, holder_of, now_ms

ANNA = email("anna@example.se")


async def test_a_customer_table_becomes_a_holder_in_ten_lines(
    stack: Any, ordered: Erasure, database: str, tmp_path: Path
) -> None:
    db = await asyncpg.connect(database)
    await db.execute("create table customer (email text, name text)")
    await db.executemany(
        "insert into customer values ($1, $2)", [("anna@example.se", "Anna"), ("bo@example.se", "Bo")]
    )
    keys = await ordered.register("crm")
    order_id = await ordered.order(holder_of("crm"), ANNA, phone("+46701740605"))
    called: list[PersonToErase] = []

    async with ledger_side(ordered, stack.bootstrap) as ledger:
        assert await ledger.send() == 1
        holder = ledger.holder(keys, tmp_path / "memory")

        @holder.erases
        async def forget(person: PersonToErase) -> Erased:
            called.append(person)
            done = await db.execute("delete from customer where email = any($1)", list(person.emails))
            return Erased(found=int(done.split()[1]), evidence=done.encode())

        assert await holder.run_once() == 1
        lost = await ledger.answers()

        # The answer never arrived, so the order comes again: the same words, and nobody acts again.
        assert await ledger.send_again(order_id) == 1
        assert await holder.run_once() == 0
        assert await ledger.answers() == lost
        assert await ledger.take(lost[0]) == Taken("taken", None, ordered.request_id)

    assert await db.fetchval("select array_agg(name) from customer") == ["Bo"]
    await db.close()
    (person,) = called
    assert person.emails == ("anna@example.se",) and person.phones == ()
    assert [one.value for one in person.subject_ids] == list(ordered.subject_ids)
    assert "anna" not in repr(person)
    row = await ordered.row(order_id)
    assert (row["state"], row["verification"], row["found"], row["attempts"]) == ("acknowledged", 2, 1, 2)
    written = b"".join(path.read_bytes() for path in tmp_path.glob("memory*"))
    assert b"anna" not in written and ordered.subject_ids[0] not in written


async def test_a_mailing_list_in_a_compacted_topic_is_erased_and_the_ledger_sees_for_itself(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    topic = f"holder.{ordered.controller.name}.mailing"
    await compacted_topic(stack.bootstrap, topic)
    others = [os.urandom(16) for _ in range(20)]
    await fill(stack.bootstrap, topic, [*ordered.subject_ids, *others])
    keys = await ordered.register("mailing")
    order_id = await ordered.order(
        holder_of("mailing", kind="topic", identifiers=("subject_id",), topic=topic, verification=3)
    )
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        assert await ledger.send() == 1
        holder = ledger.holder(keys, tmp_path / "memory", at_once=10)
        mailing = CompactedTopicHolder(stack.bootstrap, topic, evidence_folder=tmp_path)
        holder.erases(mailing.forget)
        assert await holder.run_once() == 1
        assert [taken.outcome for taken in await ledger.take_answers()] == ["taken"]
        row = await ordered.row(order_id)
        assert (row["state"], row["verification"], row["found"]) == ("acknowledged", 2, 1)
        assert row["contents"] is not None and await ledger.send_again(order_id) == 0
        assert await ledger.verify() == 1
    row = await ordered.row(order_id)
    assert (row["state"], row["verification"], row["contents"]) == ("verified", 3, None)
    assert await ordered.announced() == ["acknowledged", "verified"]
    found = await scan_topic(stack.bootstrap, topic, [*ordered.subject_ids, *others])
    assert found.values.keys() == set(others)
    assert (tmp_path / f"{order_id.hex()}.json").read_bytes().startswith(b'{"read":[{"end":')


@pytest.mark.parametrize("method", ["tombstone", "both"])
async def test_a_topic_with_tombstones_by_the_ledger_is_verified(
    stack: Any, ordered: Erasure, tmp_path: Path, method: str
) -> None:
    topic = f"holder.{ordered.controller.name}.list"
    await compacted_topic(stack.bootstrap, topic)
    await fill(stack.bootstrap, topic, list(ordered.subject_ids))
    order_id = await ordered.order(
        holder_of(
            "list", kind="topic", method=method, identifiers=("subject_id",), topic=topic, verification=3
        )
    )
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        if method == "both":
            holder = ledger.holder(await ordered.register("list"), tmp_path / "memory")
            holder.erases(lambda person: NothingHeld(evidence=b"the ledger was quicker"))
        assert await ledger.send() == 1
        assert await ledger.send() == 0
        if method == "both":
            assert await ledger.verify() == 0
            assert await holder.run_once() == 1
            await ledger.take_answers()
        assert await until(ledger.verify) == 1
    row = await ordered.row(order_id)
    assert (row["state"], row["verification"], row["contents"]) == ("verified", 3, None)
    assert not (await scan_topic(stack.bootstrap, topic, ordered.subject_ids)).values


async def test_a_holder_that_was_away_longer_than_the_topic_keeps_orders_gets_them_again(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    keys = await ordered.register("crm")
    order_id = await ordered.order(holder_of("crm"), ANNA)
    topic = orders_topic(ordered.controller.name)
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        holder = ledger.holder(keys, tmp_path / "memory")
        holder.erases(lambda person: Erased(found=1))
        await ledger.send()
        _, end = await bounds_of(stack.bootstrap, topic, 0)
        async with administering(stack.bootstrap) as admin:
            await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(end)})
        assert await holder.run_once() == 0
        assert await ledger.take_answers() == []
        assert await ledger.send() == 0, "it is not due yet"
        await ledger.send_again(order_id)
        assert await holder.run_once() == 1
        assert [taken.outcome for taken in await ledger.take_answers()] == ["taken"]


async def test_an_order_waits_for_its_holders_registration_and_is_overdue_in_the_end(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    order_id = await ordered.order(holder_of("crm"), ANNA, at_ms=now_ms() - 8 * DAY_MS)
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        assert await ledger.send() == 0
        row = await ordered.row(order_id)
        assert (row["state"], row["detail"], row["attempts"]) == ("pending", "holder_unregistered", 0)
        assert [late["holder"] for late in await ledger.sender.mark_overdue(now_ms())] == ["crm"]
        assert await ledger.sender.mark_overdue(now_ms()) == []
        assert await ordered.announced() == ["overdue"]

        keys = await ordered.register("crm")
        assert await ledger.send_again(order_id) == 1
        row = await ordered.row(order_id)
        assert (row["state"], row["detail"], row["attempts"], row["overdue"]) == ("sent", None, 1, True)
        holder = ledger.holder(keys, tmp_path / "memory")
        holder.erases(lambda person: Refused(reason="legal_claim", found=1))
        await holder.run_once()
        await ledger.take_answers()
    assert (await ordered.row(order_id))["detail"] == "legal_claim"


async def test_an_order_that_fails_is_tried_until_it_succeeds_and_holds_up_no_other(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    keys = await ordered.register("crm")
    first = await ordered.order(holder_of("crm"), ANNA)
    second = await Erasure(ordered.vault, ordered.connections, ordered.secrets, ordered.controller).open()
    other = await second.order(holder_of("crm"), ANNA)
    tries: list[bytes] = []

    async with ledger_side(ordered, stack.bootstrap) as ledger:
        holder = ledger.holder(keys, tmp_path / "memory")

        @holder.erases
        def forget(person: PersonToErase) -> Erased:
            tries.append(person.order_id)
            if person.order_id == first and tries.count(first) < 4:
                raise OSError("the database of anna@example.se is away")
            return Erased(found=1)

        assert await ledger.send() == 2

        async def both_answered() -> bool:
            await ledger.take_answers()
            states = [(await ordered.row(order_id))["state"] for order_id in (first, other)]
            return states == ["acknowledged", "acknowledged"]

        async with running(holder):
            await until(both_answered)
    assert tries.count(first) == 4 and tries.count(other) == 1
    assert tries.index(other) < len(tries) - 1


async def test_a_holder_that_forgot_its_evidence_acts_again_when_the_order_is_given_anew(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    keys = await ordered.register("crm")
    order_id = await ordered.order(holder_of("crm", verification=2), ANNA)
    answers = [Erased(found=1), NothingHeld(evidence=b"DELETE 0")]
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        holder = ledger.holder(keys, tmp_path / "memory")
        holder.erases(lambda person: answers.pop(0))
        await ledger.send()
        assert await holder.run_once() == 1
        await ledger.take_answers()
        row = await ordered.row(order_id)
        assert (row["state"], row["detail"]) == ("refused", "evidence_missing")
        assert await ledger.send_again(order_id) == 0, "it waits for somebody to look into it"

        await give_anew(ordered.vault, ordered.controller.id, order_id, now_ms())
        assert await ledger.send() == 1
        assert await holder.run_once() == 1
        assert [taken.outcome for taken in await ledger.take_answers()] == ["taken"]
    row = await ordered.row(order_id)
    assert (row["state"], row["verification"], row["outcome"]) == ("acknowledged", 2, "nothing_held")
    assert row["contents"] is None and answers == []


async def test_a_record_that_is_no_order_of_the_ledgers_is_passed_over(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    keys = await ordered.register("crm")
    other_keys = await ordered.register("shop")
    order_id = await ordered.order(holder_of("crm"), ANNA)
    await ordered.order(holder_of("shop"), ANNA)
    topic = orders_topic(ordered.controller.name)
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        assert await ledger.send() == 2
        values = [record.value async for records in scan(stack.bootstrap, topic, 0, 0) for record in records]
        for value in (b"", b"no order", values[0][:-1], values[1] if values else b""):
            await append(stack.bootstrap, topic, value)
        called: list[bytes] = []
        holder = ledger.holder(keys, tmp_path / "memory")

        @holder.erases
        async def forget(person: PersonToErase) -> Erased:
            called.append(person.order_id)
            return Erased(found=1)

        assert await holder.run_once() == 1
        assert called == [order_id]
        assert other_keys.name == "shop"


async def test_a_topic_that_cannot_forget_says_so(stack: Any, ordered: Erasure) -> None:
    topic = f"holder.{ordered.controller.name}.plain"
    await compacted_topic(stack.bootstrap, topic, **{"cleanup.policy": "delete"})
    with pytest.raises(ConfigurationError, match="topic_not_compacted"):
        async with CompactedTopic.open(stack.bootstrap, topic):
            pass
    with pytest.raises(NotFound, match="topic_unknown"):
        await scan_topic(stack.bootstrap, f"{topic}.missing", [bytes(16)])
    order_id = await ordered.order(
        holder_of("plain", kind="topic", method="both", identifiers=("subject_id",), topic=topic)
    )
    gone = await ordered.order(
        holder_of("gone", kind="topic", identifiers=("subject_id",), topic=f"{topic}.missing", verification=3)
    )
    await ordered.change(gone, "state = 'acknowledged', answered_ms = 0")
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        assert await ledger.send() == 0
        assert await ledger.verify() == 0
    assert (await ordered.row(order_id))["detail"] == "topic_not_compacted"
    assert (await ordered.row(gone))["detail"] == "topic_unknown"


async def test_a_roller_reaches_every_partition_and_says_nothing(stack: Any, ordered: Erasure) -> None:
    topic = f"holder.{ordered.controller.name}.rolled"
    await compacted_topic(stack.bootstrap, topic)
    async with CompactedTopic.open(stack.bootstrap, topic) as opened:
        await opened.roll()
    for number in range(3):
        records = [one async for batch in scan(stack.bootstrap, topic, number, 0) for one in batch]
        assert [(record.key, record.value) for record in records] == [(ROLLER_KEY, None)]


async def append(bootstrap: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value, b"crm")


async def test_who_is_erased_in_part_may_be_in_the_topic_again(stack: Any, ordered: Erasure) -> None:
    topic = f"holder.{ordered.controller.name}.again"
    await compacted_topic(stack.bootstrap, topic)
    await fill(stack.bootstrap, topic, list(ordered.subject_ids))
    holder = holder_of(
        "again", kind="topic", method="tombstone", identifiers=("subject_id",), topic=topic, verification=3
    )
    order_id = await ordered.order(holder)
    await ordered.change(order_id, "categories = '{marketing}'")
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        await asyncio.sleep(0.01)
        assert await ledger.send() == 1
        # Between the order and the proof the person subscribes anew.
        await fill(stack.bootstrap, topic, list(ordered.subject_ids))
        assert await until(ledger.verify) == 1
    found = await scan_topic(stack.bootstrap, topic, ordered.subject_ids)
    issued_ms = (await ordered.row(order_id))["issued_ms"]
    assert found.alive.keys() == set(ordered.subject_ids)
    assert not found.left(ordered.subject_ids, issued_ms)


async def test_people_who_come_one_after_the_other_share_the_rounds(
    stack: Any, ordered: Erasure, tmp_path: Path
) -> None:
    topic = f"holder.{ordered.controller.name}.shared"
    await compacted_topic(stack.bootstrap, topic)
    keys = await ordered.register("shared")
    holder_row = holder_of("shared", kind="topic", identifiers=("subject_id",), topic=topic, verification=1)
    requests = []
    for _ in range(8):
        requests.append(
            await Erasure(ordered.vault, ordered.connections, ordered.secrets, ordered.controller).open()
        )
    await fill(stack.bootstrap, topic, [request.subject_ids[0] for request in requests])
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        mailing = CompactedTopicHolder(stack.bootstrap, topic)
        holder = ledger.holder(keys, tmp_path / "memory", at_once=4)
        holder.erases(mailing.forget)

        async def all_taken() -> bool:
            answered.extend(taken.outcome for taken in await ledger.take_answers())
            return len(answered) == 8

        answered: list[str] = []
        async with running(holder):
            for request in requests:
                await request.order(holder_row)
                await ledger.send()
            await until(all_taken)
    assert set(answered) == {"taken"}
    assert not (
        await scan_topic(stack.bootstrap, topic, [request.subject_ids[0] for request in requests])
    ).values


async def test_of_an_order_that_only_has_to_be_sent_nothing_is_kept(stack: Any, ordered: Erasure) -> None:
    await ordered.register("printer")
    order_id = await ordered.order(holder_of("printer", verification=0), ANNA)
    async with ledger_side(ordered, stack.bootstrap) as ledger:
        assert await ledger.send() == 1
        row = await ordered.row(order_id)
        assert (row["state"], row["contents"], row["verification"]) == ("sent", None, 0)
        assert await ledger.send_again(order_id) == 0
        assert await ledger.sender.mark_overdue(now_ms() + 8 * DAY_MS) == []
