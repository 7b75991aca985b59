"""An import knows every erasure that is on the log before it asks the vault for anybody (races.md, D32)."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.envelope import Envelope, Lane
from ledger.domain.erasure_events import SubjectBlocked
from ledger.domain.identifiers import email
from ledger.event_log import codec
from ledger.event_log.producer import Appender
from ledger.event_log.topic_table import topic_name
from ledger.read_model import pool
from tests.support.shop import Run, Shop

pytestmark = pytest.mark.services

Do = Callable[[Any], Any]
Write = Callable[..., Path]
AGREED = "2023-05-01 10:00:00,2023-05-01 10:01:00"


async def block_on_the_log(shop: Shop, subject_id: bytes) -> None:
    """An erasure that the vault forgot when it was restored."""
    event = SubjectBlocked(
        envelope=Envelope(
            event_id=secrets.token_bytes(16), act_id=secrets.token_bytes(16), controller=shop.name,
            source="tests", request_id=secrets.token_bytes(16),
        )
    )  # fmt: skip
    async with Appender(shop.stack.bootstrap) as appender:
        value = codec.encode(event)
        await appender.append(topic_name(shop.name, Lane.LIVE), 0, subject_id, lambda _: value, timeout_s=30)


async def followed_to(shop: Shop, next_offset: int) -> None:
    connection = await pool.connect(shop.stack.dsn, application_name="tests")
    try:
        await connection.execute(
            "insert into vault.vault_position (log_id, generation, partition, controller_id, next_offset)"
            " values ($1, $2, 0, $3, $4) on conflict (log_id, generation, partition) do update set next_offset = $4",
            shop.log.log_id, shop.log.generation, shop.controller.id, next_offset,
        )  # fmt: skip
    finally:
        await connection.close()


def test_nobody_is_subscribed_whose_block_a_restored_vault_does_not_know(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    (anna,) = do(shop.make_known([email("anna@example.se")]))
    do(block_on_the_log(shop, anna.subject_id))
    said = run(shop, write(f"anna@example.se,{AGREED},,", f"bo@example.se,{AGREED},,"), "--yes", "--json")
    assert said.code == 0, said.err
    assert said.document["recorded"]["left_out"] == {"subject_not_active": 1}
    assert anna.subject_id not in {one.subject_id for one in do(shop.events(Lane.BACKFILL))}


def test_beside_a_log_that_cannot_be_followed_nothing_is_imported(
    shop: Shop, run: Run, write: Write, do: Do
) -> None:
    do(followed_to(shop, 1_000))
    said = run(shop, write(f"anna@example.se,{AGREED},,"), "--yes")
    do(followed_to(shop, 1))
    assert (said.code, "vault_catching_up" in said.err) == (3, True), said.err
    assert do(shop.known([email("anna@example.se")])) == [None]
    assert do(shop.events(Lane.BACKFILL)) == []
