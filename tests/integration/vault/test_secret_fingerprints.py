"""A process with another secret than the database was made with refuses to start, and says which one it is."""

import asyncio
import os
from typing import Any

import msgspec
import pytest

from ledger.errors import ConfigurationError
from ledger.vault.secrets import SECRET_FILES, Secrets, verify_fingerprints

pytestmark = pytest.mark.services


async def verify(vault: Any, secrets: Secrets) -> None:
    async with vault.acquire() as connection:
        await verify_fingerprints(connection, secrets)


async def test_the_first_process_makes_its_secrets_known_and_the_next_agrees(
    vault: Any, own_secrets: Secrets
) -> None:
    await verify(vault, own_secrets)
    await verify(vault, own_secrets)
    assert await vault.fetchval("select count(*) from control.secret") == len(SECRET_FILES)


@pytest.mark.parametrize("name", list(SECRET_FILES))
async def test_another_secret_is_refused_by_name(vault: Any, own_secrets: Secrets, name: str) -> None:
    await verify(vault, own_secrets)
    other = msgspec.structs.replace(own_secrets, **{name: os.urandom(32)})
    with pytest.raises(ConfigurationError) as refusal:
        await verify(vault, other)
    assert (refusal.value.code, refusal.value.context["secret"]) == ("secret_mismatch", name)
    assert name.replace("_", " ") in refusal.value.detail
    await verify(vault, own_secrets)


async def test_of_two_processes_with_different_secrets_one_starts(vault: Any, own_secrets: Secrets) -> None:
    other = Secrets(**{name: os.urandom(32) for name in SECRET_FILES})
    results = await asyncio.gather(verify(vault, own_secrets), verify(vault, other), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [ConfigurationError]


async def test_a_process_with_one_wrong_secret_makes_none_known(vault: Any, own_secrets: Secrets) -> None:
    await verify(vault, own_secrets)
    await vault.execute("delete from control.secret where name <> 'pepper'")
    wrong = msgspec.structs.replace(own_secrets, pepper=os.urandom(32))
    with pytest.raises(ConfigurationError):
        await verify(vault, wrong)
    assert await vault.fetchval("select count(*) from control.secret") == 1
