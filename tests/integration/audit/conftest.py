"""A company of a test's own on the session's stack: its log, written directly, and the commands that look at it."""

import asyncio
import json
import os
import secrets as random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from ledger.cli.main import main
from ledger.domain.events import ConsentGiven, Envelope, Lane, Scope, SubjectEvent
from ledger.domain.identifiers import email
from ledger.event_log.codec import encode
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.event_log.partitioner import partition_of
from ledger.event_log.producer import Appended, Appender
from ledger.event_log.scanning import bounds_of
from ledger.event_log.topics import topic_name
from ledger.read_model import pool
from ledger.vault import secrets
from ledger.vault.directory import Controller, Directory
from tests.support.live import Live

FOLDED_WITHIN_SECONDS = 60
MADE_AT_ONCE = 8
ADDRESS = "anna.andersson@example.se"
NEWSLETTER = Scope(purpose="om.newsletter", channel="email")


class Outcome(NamedTuple):
    """What a command gave back: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Company:
    """A controller with Omilon's catalogue, its log open for appending."""

    def __init__(self, live: Live, log: LogInfo, appender: Appender, database: Any) -> None:
        self.live = live
        self.log = log
        self.database = database
        self._appender = appender

    @property
    def name(self) -> str:
        return self.log.controller

    async def say(self, subject_id: bytes, event: SubjectEvent) -> Appended:
        """Append an event of this subject to the live lane."""
        return await self.say_raw(subject_id, encode(event))

    async def say_raw(self, subject_id: bytes, value: bytes) -> Appended:
        """Append any bytes under a subject's key."""
        partition = partition_of(subject_id, self.log.partitions)
        return await self._appender.append(
            self.log.topic, partition, subject_id, lambda _: value, timeout_s=60
        )

    async def folded(self) -> None:
        """Return when everything on the live and catalogue topics is folded."""
        deadline = time.monotonic() + FOLDED_WITHIN_SECONDS
        ends = {}
        for lane, partitions in ((Lane.LIVE, self.log.partitions), (Lane.CATALOGUE, 1)):
            for partition in range(partitions):
                _, end = await bounds_of(self.live.stack.bootstrap, topic_name(self.name, lane), partition)
                ends[lane.number, partition] = end
        while True:
            rows = await self.database.fetch(
                "select lane, partition, next_offset from read_model.position p"
                " join control.controller c on c.id = p.controller_id where c.name = $1",
                self.name,
            )
            reached = {(row["lane"], row["partition"]): row["next_offset"] for row in rows}
            if all(reached.get(key, 0) >= end for key, end in ends.items()):
                return
            assert time.monotonic() < deadline, f"not folded: {reached} of {ends}"
            await asyncio.sleep(0.05)

    async def fresh(self) -> None:
        """Return when every partition of the live and catalogue lanes has been found folded through its end once."""
        await self.folded()
        deadline = time.monotonic() + FOLDED_WITHIN_SECONDS
        statement = (
            "select count(*) from read_model.position p join control.controller c on c.id = p.controller_id"
            " where c.name = $1 and lane in (0, 2) and folded_through_ms = 0"
        )
        while await self.database.fetchval(statement, self.name):
            assert time.monotonic() < deadline, "the fold tells of no freshness"
            await asyncio.sleep(0.05)

    async def controller_id(self) -> int:
        number: int = await self.database.fetchval(
            "select id from control.controller where name = $1", self.name
        )
        return number


def envelope(company: Company, **changed: Any) -> Envelope:
    ids = {"event_id": random.token_bytes(16), "act_id": random.token_bytes(16)}
    return Envelope(**{**ids, "controller": company.name, "source": "test", "waited_ms": 0, **changed})


def vault_secrets(company: Company) -> secrets.Secrets:
    """What opens the vault of the company's stack."""
    settings = company.live.stack.environment
    return secrets.load(*(Path(settings[f"LEDGER_{name.upper()}_FILE"]) for name in secrets.SECRET_FILES))


@pytest.fixture(scope="session")
def fresh_names(live: Live) -> list[str]:
    """Controllers that no test has used yet. Made several at a time: the worker looks for new topics every 5 s."""
    return []


@pytest.fixture
async def company(live: Live, fresh_names: list[str]) -> AsyncIterator[Company]:
    """A small controller of this test's own, which the session's worker folds."""
    if not fresh_names:
        made = [live.stack.new_controller(catalogue="omilon") for _ in range(MADE_AT_ONCE)]
        fresh_names += await asyncio.gather(*made)
    log = await read_log_info(live.stack.bootstrap, fresh_names.pop(), wait_s=30)
    database = await asyncpg.connect(live.stack.dsn)
    async with Appender(live.stack.bootstrap) as appender:
        yield Company(live, log, appender, database)
    await database.close()


@pytest.fixture
async def anna(company: Company) -> bytes:
    """The subject id of somebody known by an e-mail address, who has agreed to the newsletter."""
    vault = await pool.create_pool(company.live.stack.dsn, application_name="test", schema="vault", size=1)
    controller = Controller(await company.controller_id(), company.name)
    (entry,) = await Directory(vault, vault_secrets(company)).resolve(controller, [email(ADDRESS)])
    await vault.close()
    grant = ConsentGiven(envelope=envelope(company), scope=NEWSLETTER, notice="activities@2")
    await company.say(entry.subject_id, grant)
    await company.fresh()
    return entry.subject_id


@pytest.fixture
def ledger(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Runs a command of ``ledger`` against the session's stack, in a thread, as it would run in a shell."""
    for name in [name for name in os.environ if name.startswith("LEDGER_")]:
        monkeypatch.delenv(name)
    for name, value in live.stack.environment.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str, stdin: str | None = None) -> Outcome:
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", _Typed(stdin))
        capsys.readouterr()
        code = await asyncio.to_thread(main, list(arguments))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


class _Typed:
    """Standard input that is no terminal."""

    def __init__(self, text: str) -> None:
        self._text = text

    def isatty(self) -> bool:
        return False

    def readline(self, limit: int) -> str:
        return self._text.splitlines(keepends=True)[0][:limit]
