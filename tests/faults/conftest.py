"""A fresh log for each fault."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.folding import LogUnderTest, log_under_test


@pytest.fixture
async def log(stack: Any) -> AsyncIterator[LogUnderTest]:
    """A small controller's log: one partition."""
    async with log_under_test(stack) as opened:
        yield opened


@pytest.fixture
async def wide_log(stack: Any) -> AsyncIterator[LogUnderTest]:
    """A medium controller's log: six partitions."""
    async with log_under_test(stack, "medium") as opened:
        yield opened
