"""Fixtures of every test. A test that asks for ``stack`` gets real services; one that cannot have them fails.

Three kinds, so that no test's worker folds another test's log: ``stack`` is shared by tests that start workers of
their own (each with ``LEDGER_FOLD_CONTROLLERS``), ``live`` has one worker for all controllers and one API, which
nobody disturbs (and the reactions, which carry out erasures), and ``own_stack`` is for one test alone, to stop, kill or empty.
"""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.support.live import SHORT_WAITS, Live

_FIXTURES_OF_SERVICES = frozenset({"stack", "own_stack", "live"})
_USED: pytest.StashKey[list[tuple[Any, int]]] = pytest.StashKey()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that uses a real service bears the marker ``services``, without having to say so."""
    for item in items:
        if isinstance(item, pytest.Function) and not _FIXTURES_OF_SERVICES.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def _nothing_left_over() -> None:
    """What a killed session has left is stopped and removed before this one starts services."""
    from tests.support.services import remove_killed_sessions

    remove_killed_sessions()


@pytest.fixture(scope="session")
def stack(_nothing_left_over: None) -> Iterator[Any]:
    """The session's Kafka and Postgres, migrated, with secrets: a :class:`tests.support.services.Stack`."""
    from tests.support.services import open_stack

    with open_stack() as opened:
        yield opened


@pytest.fixture(scope="session")
def live(_nothing_left_over: None) -> Iterator[Live]:
    """A stack with one fold for all its controllers, one API and the reactions, for tests that do not disturb them."""
    from tests.support.services import open_stack

    with open_stack() as opened:
        fold, api = opened.start_fold(), opened.start_api(**SHORT_WAITS)
        yield Live(stack=opened, fold=fold, api=api, reactions=opened.start_reactions(**SHORT_WAITS))


@pytest.fixture
def own_stack(_nothing_left_over: None) -> Iterator[Any]:
    """A Kafka and a Postgres for one test alone: to stop, kill or empty them."""
    from tests.support.services import open_stack

    with open_stack() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _processes_end_with_their_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Processes that a test starts on a shared stack end with it; those of session fixtures stay."""
    names = request.fixturenames
    shared = [request.getfixturevalue("stack")] if "stack" in names else []
    shared += [request.getfixturevalue("live").stack] if "live" in names else []
    started = [(stack, len(stack.handles)) for stack in shared]
    request.node.stash[_USED] = started
    yield
    for stack, before in started:
        stack.end_since(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the last log lines of the processes that it used."""
    report = yield
    if report.failed:
        used = list(item.stash.get(_USED, []))
        own = getattr(item, "funcargs", {}).get("own_stack")
        used += [(own, 0)] if own is not None else []
        for stack, _ in used:
            report.sections.extend((f"log of {name}", text) for name, text in stack.logs())
    return report
