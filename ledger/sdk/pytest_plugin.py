"""A pytest plugin: the fixture ``ledger`` is a ledger in memory with the catalogue of ``ledger_catalogue``."""

from collections.abc import Iterator

import pytest

from ledger.domain.catalogue import Catalogue
from ledger.sdk.testing import InMemoryLedger

__all__ = ["ledger", "ledger_catalogue"]


@pytest.fixture
def ledger_catalogue() -> Catalogue | str | None:
    """The catalogue in force; override it in ``conftest.py`` with your controller's."""
    return None


@pytest.fixture
def ledger(ledger_catalogue: Catalogue | str | None) -> Iterator[InMemoryLedger]:
    """An empty ledger in memory, fresh for each test."""
    yield InMemoryLedger(ledger_catalogue)
