"""A controller for the tests of the API, on the shared API: each test has people of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api import ApiUnderTest, api_under_test
from tests.support.live import Live


@pytest.fixture(scope="session")
async def api(live: Live) -> AsyncIterator[ApiUnderTest]:
    """A controller with the small catalogue in force, through the session's API."""
    async with api_under_test(live.stack, live.url) as opened:
        yield opened
