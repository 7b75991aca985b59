"""A shop of the test's own, and an operator's shell beside it."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import Run, Shop, open_shop, shell

HEADER = "Email Address,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,TAGS"


@pytest.fixture(scope="module")
def loop_of_module() -> Iterator[asyncio.Runner]:
    """The commands start event loops of their own, so these tests are not coroutines themselves."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def do(loop_of_module: asyncio.Runner) -> Callable[[Any], Any]:
    """Awaits something between two commands."""
    return loop_of_module.run


@pytest.fixture
def shop(stack: Any, do: Callable[[Any], Any]) -> Shop:
    """A controller of the test's own with the small catalogue."""
    made: Shop = do(open_shop(stack))
    return made


@pytest.fixture(scope="module")
def quiet_shop(stack: Any, loop_of_module: asyncio.Runner) -> Shop:
    """One for all tests in which nothing may be recorded."""
    return loop_of_module.run(open_shop(stack))


@pytest.fixture
def run(stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return shell(stack, monkeypatch, capsys)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a list as Mailchimp exports it."""

    def written(*rows: str, header: str = HEADER, name: str = "members.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return written
