"""The holders' side before and after: their data put in place, their keys registered, and what is left at the end."""

import asyncio
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ledger.cli.holders import register_holder
from ledger.event_log.partitioner import partition_of
from ledger.sdk.holder import HolderKeys
from tests.demo.companies import COMPANIES, LATE_HOLDER, Company
from tests.demo.holding import CRM
from tests.demo.stage import DAY, Stage
from tests.support.holder_side import compacted_topic

PARTITIONS: Final = 3

Known = dict[Company, dict[str, bytes]]
"""Of each company: address to subject id."""


async def register_all(stage: Stage) -> int:
    """Every holder of every company makes its keys and is registered; gives how many there are."""
    folder = DAY / "holders"
    folder.mkdir()
    order_key = await asyncio.to_thread(stage.shown, "holders", "order-key")
    (folder / "ledger-order-key.pub").write_text(order_key)
    await asyncio.gather(*(_register(stage, company, folder) for company in COMPANIES))
    return sum(len(company.holders) for company in COMPANIES)


async def _register(stage: Stage, company: Company, folder: Path) -> None:
    await compacted_topic(stage.bootstrap, company.mailing_topic, PARTITIONS)
    for name in company.holders:
        keys = HolderKeys.make(name)
        keys.write(folder / f"{company.name}-{name}.json")
        await register_holder(
            company.name, name, keys.public,
            bootstrap=stage.bootstrap, dsn=stage.dsn, vault_dsn=stage.environment["LEDGER_VAULT_DSN"],
        )  # fmt: skip


def start_all_but_one(stage: Stage) -> None:
    """Every holder runs but the one that is down until the afternoon."""
    names = [f"{company.name}:{name}" for company in COMPANIES for name in company.holders]
    names.remove(late_holder())
    stage.start_holders(*names)


def late_holder() -> str:
    company, name = LATE_HOLDER
    return f"{company.name}:{name}"


async def put_data(stage: Stage, known: Known) -> None:
    """A customer in each CRM and a subscriber in each mailing list for everybody who is known."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        await connection.execute(CRM)
        rows = [
            (company.name, address, address.partition("@")[0], "reads offers", "2026-001")
            for company, people in known.items()
            for address in people
        ]
        await connection.executemany("insert into crm_customer values ($1, $2, $3, $4, $5)", rows)
    finally:
        await connection.close()
    async with AIOKafkaProducer(bootstrap_servers=stage.bootstrap, acks="all") as producer:
        for company, people in known.items():
            for address, subject_id in people.items():
                await producer.send(
                    company.mailing_topic, address.encode(), subject_id, partition_of(subject_id, PARTITIONS)
                )


async def customers_left(stage: Stage) -> dict[tuple[str, str], Any]:
    """The CRM tables as they are: controller and address to the row."""
    connection = await asyncpg.connect(stage.dsn)
    try:
        rows = await connection.fetch("select * from crm_customer")
    finally:
        await connection.close()
    return {(row["controller"], row["email"]): row for row in rows}


async def subscribers_left(stage: Stage, company: Company) -> set[bytes]:
    """Subject ids under which a scan of the mailing list from its first record still finds any value."""
    places = [TopicPartition(company.mailing_topic, partition) for partition in range(PARTITIONS)]
    found: set[bytes] = set()
    async with AIOKafkaConsumer(bootstrap_servers=stage.bootstrap, enable_auto_commit=False) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        # The newest record is never compacted away, so every partition is read to its end.
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found |= {record.key for record in records if record.value is not None}
    return found
