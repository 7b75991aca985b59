"""A no that is taken while its person is being erased is not lost between the fold and the destruction."""

import asyncio
from typing import Any

import pytest

from ledger.domain.identifiers import email
from ledger.errors import Unavailable
from ledger.read_model import pool
from ledger.vault.directory import Controller, Directory, SubjectState
from ledger.vault.late_noes import AT_ONCE, WAIT_SECONDS, LateNoes, late_ends


@pytest.fixture
async def anna(directory: Directory, controller: Controller) -> bytes:
    """A subject id."""
    (entry,) = await directory.resolve(controller, [email("anna@example.se")])
    return entry.subject_id


async def ends(vault: Any, controller: Controller, subject_id: bytes) -> dict[bytes, int]:
    """What an erasure has to wait for."""
    async with pool.borrowed(vault) as connection, connection.transaction():
        return await late_ends(connection, controller.id, [subject_id])


async def test_an_erasure_waits_for_an_intake_that_is_appending(
    vault: Any, controller: Controller, anna: bytes
) -> None:
    async with LateNoes(vault).held(controller.id, anna) as subject:
        waiting = asyncio.create_task(ends(vault, controller, anna))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await subject.note(17)
    assert await waiting == {anna: 17}


async def test_the_furthest_of_several_noes_counts(vault: Any, controller: Controller, anna: bytes) -> None:
    assert await ends(vault, controller, anna) == {}
    for next_offset in (17, 12):
        async with LateNoes(vault).held(controller.id, anna) as subject:
            await subject.note(next_offset)
    assert await ends(vault, controller, anna) == {anna: 17}


async def test_an_intake_learns_what_became_of_the_person_while_it_waited(
    vault: Any, controller: Controller, anna: bytes
) -> None:
    async def state() -> SubjectState:
        async with LateNoes(vault).held(controller.id, anna) as subject:
            return subject.state

    async with pool.borrowed(vault) as connection, connection.transaction():
        await late_ends(connection, controller.id, [anna])
        waiting = asyncio.create_task(state())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await connection.execute(
            "update vault.subject set state = 'destroyed', wrapped_key = null where subject_id = $1", anna
        )
    assert await waiting is SubjectState.DESTROYED


async def test_an_append_that_failed_is_not_noted(vault: Any, controller: Controller, anna: bytes) -> None:
    with pytest.raises(Unavailable):
        async with LateNoes(vault).held(controller.id, anna):
            raise Unavailable("log_unavailable")
    assert await ends(vault, controller, anna) == {}


async def test_a_log_that_stalls_leaves_the_vault_to_everybody_else(
    vault: Any, directory: Directory, controller: Controller
) -> None:
    """However many people under erasure say no meanwhile; they are told to say it again."""
    people = [email(f"person-{number}@example.se") for number in range(AT_ONCE + 3)]
    entries = [entry for who in people for entry in await directory.resolve(controller, [who])]
    noes, acknowledged = LateNoes(vault), asyncio.Event()

    async def taken(subject_id: bytes) -> None:
        async with noes.held(controller.id, subject_id):
            await acknowledged.wait()

    tasks = [asyncio.create_task(taken(entry.subject_id)) for entry in entries]
    _, waiting = await asyncio.wait(tasks, timeout=2 * WAIT_SECONDS)
    acknowledged.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, Unavailable)]
    assert {(one.code, one.retryable) for one in refused} == {("overloaded", True)}
    assert (len(waiting), len(refused)) == (AT_ONCE, 3)
    # What was held is free again.
    await asyncio.gather(*(taken(entry.subject_id) for entry in entries))
