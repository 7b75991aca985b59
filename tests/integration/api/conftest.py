"""A controller for the tests of the API, on the shared API: each test has people of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api import ApiUnderTest, api_under_test
from tests.support.live import Live
from tests.support.opened_vault import OpenedVault, opened_vault


@pytest.fixture(scope="session")
async def api(live: Live) -> AsyncIterator[ApiUnderTest]:
    """A controller with the small catalogue in force, through the session's API."""
    async with api_under_test(live.stack, live.url) as opened:
        yield opened


@pytest.fixture
async def vault(api: ApiUnderTest) -> AsyncIterator[OpenedVault]:
    """The vault behind that API."""
    async with opened_vault(api) as opened:
        yield opened
