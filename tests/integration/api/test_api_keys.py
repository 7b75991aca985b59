"""API keys in the table: shown once, stored hashed, refused when unknown, expired or revoked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.api import keys
from ledger.errors import NotFound, Rejected, Unauthorised
from ledger.read_model import pool

pytestmark = pytest.mark.services

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Any]:
    opened = await pool.connect(database, application_name="test")
    await opened.execute(
        "insert into control.controller (name, size) values ('klingit', 'small'), ('omilon', 'small')"
    )
    yield opened
    await opened.close()


async def make(connection: Any, **other: Any) -> str:
    given = {"controller": "klingit", "source": "shop", "scopes": ["record", "ask"]}
    return await keys.create(connection, **(given | other))


async def test_a_key_opens_its_own_controller_with_its_scopes(connection: Any) -> None:
    caller = await keys.verify(connection, await make(connection), NOW)
    assert (caller.controller, caller.source) == ("klingit", "shop")
    assert caller.scopes == {keys.ScopeName.RECORD, keys.ScopeName.ASK}
    other = await keys.verify(connection, await make(connection, controller="omilon"), NOW)
    assert (other.controller, other.controller_id != caller.controller_id) == ("omilon", True)


async def test_the_key_itself_is_stored_nowhere(connection: Any) -> None:
    key = await make(connection)
    rows = str(await connection.fetch("select k::text from control.api_key k"))
    assert key.split("_")[2][:43] not in rows and key not in rows


async def test_keys_differ(connection: Any) -> None:
    assert len({await make(connection) for _ in range(20)}) == 20


async def test_a_well_formed_key_that_nobody_made_is_refused(connection: Any, database: str) -> None:
    key = await make(connection)
    await connection.execute("delete from control.api_key")
    with pytest.raises(Unauthorised, match="api_key_invalid"):
        await keys.verify(connection, key, NOW)


async def test_the_prefix_of_one_key_with_the_secret_of_another_is_refused(connection: Any) -> None:
    one, other = await make(connection), await make(connection, controller="omilon")
    body = one[:12] + other[12:-6]
    with pytest.raises(Unauthorised, match="api_key_invalid"):
        await keys.verify(connection, body + keys._checksum(body), NOW)


async def test_a_key_is_taken_until_the_moment_it_expires(connection: Any) -> None:
    key = await make(connection, expires=NOW)
    await keys.verify(connection, key, NOW - timedelta(milliseconds=1))
    with pytest.raises(Unauthorised, match="api_key_expired"):
        await keys.verify(connection, key, NOW)


async def test_a_revoked_key_is_refused_and_stays_in_the_list(connection: Any) -> None:
    key = await make(connection)
    prefix = keys.parse(key).prefix
    when = await keys.revoke(connection, prefix)
    assert await keys.revoke(connection, prefix) == when
    with pytest.raises(Unauthorised, match="api_key_revoked"):
        await keys.verify(connection, key, NOW)
    [listed] = await keys.list_keys(connection, "klingit")
    assert (listed.prefix, listed.revoked) == (prefix, when)


async def test_a_list_shows_one_controllers_keys_or_all(connection: Any) -> None:
    await make(connection)
    await make(connection, controller="omilon")
    assert [key.controller for key in await keys.list_keys(connection)] == ["klingit", "omilon"]
    assert [key.controller for key in await keys.list_keys(connection, "omilon")] == ["omilon"]


async def test_an_unknown_controller_or_prefix_is_not_found(connection: Any) -> None:
    with pytest.raises(NotFound, match="controller_unknown"):
        await make(connection, controller="nobody")
    with pytest.raises(NotFound, match="api_key_unknown"):
        await keys.revoke(connection, "zzzzzzzz")


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "Anna's laptop"},
        {"source": "070-1740605"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"expires": datetime(2027, 1, 1)},
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(connection: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="api_key_not_possible"):
        await make(connection, **wrong)
    assert await keys.list_keys(connection) == []
