"""An answer that comes while the vault's database is away waits for it, and a killed worker leaves none behind."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ledger import settings
from ledger.cli.controllers import create_controller
from ledger.domain.identifiers import email
from ledger.event_log.codec import encode
from ledger.event_log.topic_table import ACKNOWLEDGEMENTS_TOPIC
from ledger.read_model import pool
from ledger.vault import secrets as vault_secrets
from ledger.vault.directory import Controller
from tests.support.holder_side import until
from tests.support.orders import Erasure, acknowledgement, holder_of

# A killed worker's place in its group is free after a minute.
pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


async def test_answers_wait_for_the_vault_and_survive_the_workers_end(stack: Any, tmp_path: Path) -> None:
    loaded = settings.load(settings.ReactionsSettings, stack.environment)
    made = await create_controller(
        f"t{secrets.token_hex(2)}x{secrets.token_hex(3)}", size="small", bootstrap=stack.bootstrap, dsn=stack.dsn
    )
    connections = await pool.create_pool(stack.dsn, application_name="test", size=4)
    own = vault_secrets.load(*loaded.secret_files)
    erasure = await Erasure(connections, connections, own, Controller(made.id, made.name)).open()
    keys = await erasure.register("crm")
    till_keys = await erasure.register("till")
    waiting = await erasure.order(holder_of("crm"), email("anna@example.se"))
    killed = await erasure.order(holder_of("till"), email("anna@example.se"))

    async def state(order_id: bytes, wanted: str) -> bool:
        return bool((await erasure.row(order_id))["state"] == wanted)

    proxy, dsn = stack.postgres_proxy()
    try:
        worker = stack.start_reactions(LEDGER_VAULT_DSN=dsn)
        await until(lambda: state(waiting, "sent"))
        await until(lambda: state(killed, "sent"))
        proxy.cut()
        await write(stack.bootstrap, encode(acknowledgement(erasure, waiting, keys)))
        await asyncio.sleep(3)
        assert worker.is_running()
        assert await state(waiting, "sent")
        proxy.restore()
        await until(lambda: state(waiting, "acknowledged"))

        proxy.cut()
        await write(stack.bootstrap, encode(acknowledgement(erasure, killed, till_keys)))
        await asyncio.sleep(1)
        worker.kill()
        stack.start_reactions()
        await until(lambda: state(killed, "acknowledged"), 120)
    finally:
        proxy.close()
        await connections.close()


async def write(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(ACKNOWLEDGEMENTS_TOPIC, value, bytes(16))
