"""Canary strings: after an erasure nothing that names the person is found anywhere that this machine can read.

What is looked through: every column of every table, every record of every topic, every log line, the metrics, and the
texts of errors. What is excepted: the digests of suppression and erased-before marker, which are not the blind index.
"""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiokafka import TopicPartition

from ledger.domain.identifiers import blind_index, identifier
from ledger.errors import LedgerError
from ledger.event_log.broker import reading
from ledger.sdk import Evidence
from ledger.vault import secrets as vault_secrets
from tests.support.erasing import QUICK, ForgettingLedger, forgetting_ledger, person

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

NEWSLETTER = {"purpose": "newsletter", "channel": "email"}


@pytest.fixture
async def forgetting(
    own_stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ForgettingLedger]:
    async with forgetting_ledger(own_stack, tmp_path, monkeypatch) as made:
        own_stack.start_reactions(**QUICK)
        yield made


def forms(secret: bytes) -> Iterator[bytes]:
    """How bytes may be written down."""
    yield secret
    yield secret.hex().encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).rstrip(b"=")


async def places(forgetting: ForgettingLedger, canaries: dict[str, bytes]) -> set[tuple[str, str]]:
    """Every place where a canary is found, with its name."""
    needles = [(name, form) for name, secret in canaries.items() for form in forms(secret)]
    found: set[tuple[str, str]] = set()

    def look(place: str, hay: bytes) -> None:
        found.update((name, place) for name, needle in needles if needle in hay)

    tables = await forgetting.database.fetch(
        "select table_schema, table_name from information_schema.tables"
        " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
    )
    for row in tables:
        name = f"{row['table_schema']}.{row['table_name']}"
        for record in await forgetting.database.fetch(f"select t::text as row from {name} as t"):
            look(name, record["row"].replace("-", "").encode())
    async with reading(forgetting.stack.bootstrap) as consumer:
        numbers = {topic: await _partitions(consumer, topic) for topic in sorted(await consumer.topics())}
        for topic, count in numbers.items():
            at = [TopicPartition(topic, number) for number in range(count)]
            consumer.assign(at)
            await consumer.seek_to_beginning(*at)
            ends = await consumer.end_offsets(at)
            while any([await consumer.position(one) < ends[one] for one in at]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for one in records:
                        look(topic, (one.key or b"") + b"|" + (one.value or b"") + repr(one.headers).encode())
    for log in (forgetting.stack.state / "logs").glob("*.log"):
        look(log.name, log.read_bytes())
    return found


async def _partitions(consumer: Any, topic: str) -> int:
    """How many partitions a topic has: the consumer knows only of those that it was asked about."""
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.end_offsets([TopicPartition(topic, 0)])
    return len(consumer.partitions_for_topic(topic))


async def test_nothing_that_names_the_erased_person_is_left(forgetting: ForgettingLedger) -> None:
    stack, ledger = forgetting.stack, forgetting.ledger
    address, agent = person(), f"canary-agent-{os.urandom(8).hex()}"
    files = (Path(stack.environment[f"LEDGER_{name.upper()}_FILE"]) for name in vault_secrets.SECRET_FILES)
    index = blind_index(vault_secrets.load(*files).pepper, forgetting.controller, identifier("email", address))
    canaries = {"address": address.encode(), "blind index": index, "evidence": agent.encode()}

    (anna,) = await forgetting.meet(address)
    await ledger.grant(
        anna, purpose="profiling", notice="signup@3", evidence=Evidence(ip="192.0.2.7", user_agent=agent)
    )
    saved = await ledger.unsubscribe(anna, **NEWSLETTER)
    await ledger.check(anna, **NEWSLETTER, at_least=saved)
    before = await places(forgetting, canaries)
    assert ("blind index", "vault.directory") in before, "the search finds nothing, so it would prove nothing"
    assert {name for name, _ in before} == {"blind index"}, before

    request = await ledger.request_erasure(anna)
    await forgetting.complete(request)
    texts = []
    with pytest.raises(LedgerError) as unknown:
        await ledger.request_erasure(anna)
    texts.append(f"{unknown.value!r} {unknown.value} {unknown.value.diagnostics()}")
    assert (await ledger.check(anna, **NEWSLETTER)).reason == "subject_unknown"
    async with httpx2.AsyncClient(trust_env=False) as client:
        texts.append((await client.get(f"{forgetting.stack.handles[1].url}/metrics")).text)
    assert await places(forgetting, canaries) == set()
    for text in texts:
        assert not any(form in text.encode() for secret in canaries.values() for form in forms(secret))
    (kept,) = await forgetting.database.fetch("select digest from suppression.erased_before")
    assert bytes(kept["digest"]) != index
