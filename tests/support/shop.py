"""A controller with the small catalogue on real services, and an operator's shell for ``ledger list import``."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ledger.cli.main import main
from ledger.domain.catalogue import canonical_document
from ledger.domain.envelope import Lane
from ledger.domain.events import SubjectEvent
from ledger.domain.identifiers import Identifier
from ledger.errors import NotFound
from ledger.event_log.catalogue_log import write_version
from ledger.event_log.codec import decode
from ledger.event_log.log_info import LogInfo, read_log_info
from ledger.event_log.scanning import scan
from ledger.event_log.topic_table import topic_name
from ledger.read_model import pool
from ledger.settings import OperatorSettings, load, secret_files
from ledger.vault import secrets as vault_secrets
from ledger.vault.controllers import Controller
from ledger.vault.directory import Directory, Entry
from ledger.vault.suppressions import Suppressions
from tests.support.catalogue import small_catalogue
from tests.support.services import Stack

__all__ = ["Logged", "Run", "Shop", "open_shop", "shell"]

PLAIN = ("--purpose", "newsletter", "--channel", "email", "--notice", "signup@1")


class Logged(NamedTuple):
    """One event as it stands on the log."""

    lane: Lane
    offset: int
    subject_id: bytes
    event: SubjectEvent


class Shop(NamedTuple):
    """A controller whose people only this test knows."""

    stack: Stack
    log: LogInfo
    controller: Controller

    @property
    def name(self) -> str:
        return self.controller.name

    async def events(self, lane: Lane) -> list[Logged]:
        """What stands on one lane, without the genesis records."""
        topic, found = topic_name(self.name, lane), []
        for partition in range(self.log.partitions):
            try:
                async for records in scan(self.stack.bootstrap, topic, partition, 1):
                    found += [Logged(lane, one.offset, one.key, decode(one.value)) for one in records]  # type: ignore[arg-type]
            except NotFound as error:
                raise AssertionError(f"there is no {topic}") from error
        return found

    async def known(self, who: Sequence[Identifier]) -> list[Entry | None]:
        """Whom the directory knows."""
        vault = await pool.create_pool(self.stack.dsn, application_name="tests", size=1)
        try:
            return await Directory(vault, self._secrets()).lookup(self.controller, who)
        finally:
            await vault.close()

    async def make_known(self, who: Sequence[Identifier]) -> list[Entry]:
        """Makes people known, as a live act does."""
        vault = await pool.create_pool(self.stack.dsn, application_name="tests", size=1)
        try:
            return await Directory(vault, self._secrets()).resolve(self.controller, who)
        finally:
            await vault.close()

    async def keep_erased(self, who: Identifier) -> None:
        """Leaves what an erasure of ``who`` leaves: the marker, and nobody in the directory."""
        from ledger.domain.identifiers import blind_index

        own = self._secrets()
        vault = await pool.create_pool(self.stack.dsn, application_name="tests", size=1)
        try:
            async with vault.acquire() as connection, connection.transaction():
                await Suppressions(vault, own).keep(
                    connection,
                    controller_id=self.controller.id,
                    indexes=[blind_index(own.pepper, self.name, who)],
                    noes=(),
                    erased_before_ms=time.time_ns() // 1_000_000,
                )
        finally:
            await vault.close()

    async def block(self, subject_id: bytes) -> None:
        """The state in which an erasure keeps somebody until it is settled."""
        connection = await pool.connect(self.stack.dsn, application_name="tests")
        try:
            await connection.execute(
                "update vault.subject set state = 'blocked' where controller_id = $1 and subject_id = $2",
                self.controller.id,
                subject_id,
            )
        finally:
            await connection.close()

    def _secrets(self) -> vault_secrets.Secrets:
        return vault_secrets.load(*secret_files(load(OperatorSettings, self.stack.environment)))


async def open_shop(stack: Stack, size: str = "small") -> Shop:
    """A new shop, its catalogue in force on the log."""
    name = await stack.new_controller(size)
    await write_version(
        stack.bootstrap,
        name,
        version=1,
        effective_from_ms=time.time_ns() // 1_000_000,
        document=canonical_document(small_catalogue(name)),
    )
    connection = await pool.connect(stack.dsn, application_name="tests")
    try:
        number = await connection.fetchval("select id from control.controller where name = $1", name)
    finally:
        await connection.close()
    return Shop(stack, await read_log_info(stack.bootstrap, name), Controller(number, name))


class Said(NamedTuple):
    """What a command said. ``document`` is its standard output, where that is JSON."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


def shell(stack: Stack, monkeypatch: Any, capsys: Any) -> Run:
    """``run(shop, path, *options)``: imports a list as an operator does, in this process."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)

    def run(shop: Shop, path: Path, *options: str, plain: bool = True) -> Said:
        given = [*(PLAIN if plain else ()), *options]
        code = main(["list", "import", str(path), "--controller", shop.name, *given])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
