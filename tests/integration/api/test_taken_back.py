"""A vault that was restored, or failed over to an older copy, under an API that runs (races.md, D32)."""

import secrets
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from ledger.api.vault_gate import VaultGate
from ledger.errors import NotFound, Unavailable
from ledger.read_model import pool, sql
from ledger.vault.followed_positions import FollowedPositions
from tests.support.api import until
from tests.support.services import Stack

LOG_ID = secrets.token_bytes(16)


class Opened(NamedTuple):
    """A gate, open; the API's pool behind it, and a connection of somebody else."""

    gate: VaultGate
    vault: Any
    operator: Any


async def follow_to(operator: Any, next_offset: int) -> None:
    query = sql.load("vault_position_advance", "ledger.vault.queries")
    await operator.execute(query, LOG_ID, 1, 0, 1, next_offset)


async def take_back(operator: Any, next_offset: int) -> None:
    """As a restore does: positions go back with the rows."""
    await operator.execute("update vault.vault_position set next_offset = $1", next_offset)


@pytest.fixture
async def opened(database: str, stack: Stack) -> AsyncIterator[Opened]:
    operator = await pool.connect(database, application_name="test")
    await follow_to(operator, 20)
    followed = FollowedPositions()
    vault = await pool.create_pool(
        database, application_name="test", stateless=True, on_connect=followed.look
    )
    gate = VaultGate(stack.bootstrap, vault, vault, followed)
    gate.start()
    try:
        await until(lambda: is_open(gate))
        yield Opened(gate, vault, operator)
    finally:
        await gate.aclose()
        vault.terminate()
        await operator.close()


async def is_open(gate: VaultGate) -> bool:
    return gate.is_open


async def test_a_request_that_meets_an_older_vault_is_not_answered(opened: Opened) -> None:
    """Neither with what it found nor with what it missed there."""
    for outcome in (None, NotFound("subject_unknown")):
        with pytest.raises(Unavailable) as raised, opened.gate.passed(1):
            await opened.vault.expire_connections()
            await take_back(opened.operator, 12)
            async with pool.borrowed(opened.vault):
                pass
            if outcome is not None:
                raise outcome
        assert (raised.value.code, raised.value.retryable) == ("vault_catching_up", True)
        # It follows the log anew, and what was followed is what counts from now on.
        await until(lambda: is_open(opened.gate))
        with opened.gate.passed(1):
            pass
        await follow_to(opened.operator, 20)
        await opened.vault.expire_connections()
        async with pool.borrowed(opened.vault):
            pass


async def test_what_the_reactions_followed_since_is_known_without_a_new_connection(opened: Opened) -> None:
    followed = opened.gate._followed
    await follow_to(opened.operator, 50)

    async def seen() -> bool:
        return 50 in followed._furthest.values()

    await until(seen)
    await take_back(opened.operator, 30)

    async def taken_back() -> bool:
        return followed.times_taken_back == 1

    await until(taken_back)
    await until(lambda: is_open(opened.gate))


async def test_a_vault_that_only_moves_on_closes_nothing(opened: Opened) -> None:
    for next_offset in (21, 40):
        await follow_to(opened.operator, next_offset)
        await opened.vault.expire_connections()
        async with pool.borrowed(opened.vault):
            pass
        assert opened.gate.is_open
