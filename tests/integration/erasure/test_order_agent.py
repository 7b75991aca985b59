"""The reactions worker sends orders and takes answers: from its very first start on, and past whatever is no answer."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ledger import settings
from ledger.cli.controllers import create_controller
from ledger.cli.dev.ledger_process import get_text
from ledger.domain.identifiers import email
from ledger.event_log.codec import encode
from ledger.event_log.topic_table import ACKNOWLEDGEMENTS_TOPIC
from ledger.read_model import pool
from ledger.sdk.holder import Erased
from ledger.sdk.holder_keys import HolderKeys
from ledger.vault import secrets as vault_secrets
from ledger.vault.directory import Controller
from tests.support.holder_side import compacted_topic, fill, ledger_side, running, until
from tests.support.orders import Erasure, acknowledgement, holder_of

ANNA = email("anna@example.se")


@pytest.fixture
async def on_stack(stack: Any) -> AsyncIterator[Erasure]:
    """A request in the stack's own database, under the secrets that its workers have."""
    loaded = settings.load(settings.ReactionsSettings, stack.environment)
    name = f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}"
    made = await create_controller(name, size="small", bootstrap=stack.bootstrap, dsn=stack.dsn)
    connections = await pool.create_pool(stack.dsn, application_name="test", size=10)
    own = vault_secrets.load(*loaded.secret_files)
    yield await Erasure(connections, connections, own, Controller(made.id, made.name)).open()
    await connections.close()


async def test_the_worker_sends_orders_takes_answers_and_verifies(
    stack: Any, on_stack: Erasure, tmp_path: Path
) -> None:
    topic = f"holder.{on_stack.controller.name}.list"
    await compacted_topic(stack.bootstrap, topic)
    await fill(stack.bootstrap, topic, list(on_stack.subject_ids))
    keys = await on_stack.register("crm")
    early = await on_stack.order(holder_of("crm"), ANNA)
    async with ledger_side(on_stack, stack.bootstrap) as ledger:
        holder = ledger.holder(keys, tmp_path / "memory")
        holder.erases(lambda person: Erased(found=1))
        await ledger.send()
        assert await holder.run_once() == 1
        # An answer from before the worker's start, and behind it what is none.
        stranger = acknowledgement(on_stack, early, HolderKeys.make("crm"))
        await write(stack.bootstrap, b"no answer", encode(stranger))

        later = await on_stack.order(
            holder_of(
                "list", kind="topic", method="both", identifiers=("subject_id",), topic=topic, verification=3
            )
        )
        list_holder = ledger.holder(await on_stack.register("list"), tmp_path / "list-memory")
        list_holder.erases(lambda person: Erased(found=1, evidence=b"deleted"))
        worker = stack.start_reactions()

        async def all_done() -> bool:
            rows = [await on_stack.row(order_id) for order_id in (early, later)]
            return [row["state"] for row in rows] == ["acknowledged", "verified"]

        async with running(list_holder):
            await until(all_done)
    told = get_text(worker.process.port, "/metrics") or ""
    for outcome in ("acknowledgement_malformed", "acknowledgement_forged"):
        assert f'ledger_erasure_acknowledgements_total{{outcome="{outcome}"}} 1.0' in told
    lines = worker.log.read_text()
    assert '"code": "acknowledgement_forged"' in lines
    assert "anna" not in lines and on_stack.subject_ids[0].hex() not in lines


async def write(bootstrap: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(ACKNOWLEDGEMENTS_TOPIC, value, bytes(16))
