"""A log with people on it, on the session's Kafka, and an operator's shell beside a database of the test's own."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from ledger.cli.main import main
from ledger.domain.events import Event
from ledger.event_log.archive_export import export_log
from ledger.event_log.broker import administering
from ledger.event_log.cluster import describe
from ledger.event_log.topics import topics_of
from tests.support.folding import LogUnderTest, log_under_test
from tests.support.log_records import grant, subject, withdrawal


class Outcome(NamedTuple):
    """What a command gave back: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Ledger = Callable[..., Any]


@pytest.fixture
async def log(stack: Any) -> AsyncIterator[LogUnderTest]:
    """A small controller's log, one partition, with 250 acts and a broken record."""
    async with log_under_test(stack) as opened:
        await say_all(opened)
        yield opened


@pytest.fixture(scope="module")
async def wide_log(stack: Any) -> AsyncIterator[LogUnderTest]:
    """The same over six partitions; for tests that only read it."""
    async with log_under_test(stack, "medium") as opened:
        await say_all(opened)
        yield opened


async def say_all(log: LogUnderTest) -> None:
    """Everything that :func:`acts` has, and a broken record."""
    await log.append_all(acts(log))
    await log.append_raw(subject(3), b"no record of ours")


def acts(log: LogUnderTest, people: Sequence[int] = range(150)) -> list[tuple[bytes, Event]]:
    """Everybody grants; then everybody withdraws, says it twice, or does not."""
    said: list[tuple[bytes, Event]] = []
    for number in people:
        event = grant(controller=log.controller)
        said.append((subject(number), event))
        if number % 3 == 0:
            said.append((subject(number), withdrawal(controller=log.controller)))
        elif number % 3 == 1:
            again = msgspec.structs.replace(event.envelope, may_be_repeat=True)
            said.append((subject(number), msgspec.structs.replace(event, envelope=again)))
    return said


@pytest.fixture
def ledger(stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ledger:
    """Runs a command of ``ledger``, in a thread, as it would run in a shell; ``dsn`` names another database."""
    return _shell(stack, monkeypatch, capsys)


@pytest.fixture
def run_on_own(
    own_stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ledger:
    """The same on the stack that the test has for itself."""
    return _shell(own_stack, monkeypatch, capsys)


def _shell(stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ledger:
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str, dsn: str | None = None) -> Outcome:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            if dsn is not None:
                patch.setenv("LEDGER_POSTGRES_DSN", dsn)
                patch.setenv("LEDGER_VAULT_DSN", dsn)
            code = await asyncio.to_thread(main, list(arguments))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
async def exported(log: LogUnderTest, ledger: Ledger, tmp_path: Path) -> Path:
    """The export of the log."""
    outcome = await ledger("log", "export", str(tmp_path / "export"), "--controller", log.controller)
    assert outcome.code == 0, outcome.err
    return tmp_path / "export"


@pytest.fixture(scope="module")
async def wide_export(wide_log: LogUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of the wide log."""
    folder = tmp_path_factory.mktemp("wide") / "export"
    await export_log(wide_log.stack.bootstrap, wide_log.controller, folder, created_at="2026-01-01T00:00:00+00:00")
    return folder


async def delete_topics(stack: Any, names: Sequence[str]) -> None:
    """The topics are gone on return, as on a cluster that never had them."""
    async with administering(stack.bootstrap) as admin:
        await admin.delete_topics(list(names))
        while (await describe(admin, names)).topics:
            await asyncio.sleep(0.05)


def topics(log: LogUnderTest) -> list[str]:
    """The names of a log's topics."""
    from ledger.event_log.topics import Log

    of = Log(
        controller=log.controller, log_id=bytes(16), generation=1, partitions=log.partitions, is_new=False
    )
    return [topic.name for topic in topics_of(of)]
