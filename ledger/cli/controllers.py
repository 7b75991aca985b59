"""``ledger controllers``: make the ledger of an organisation, and list those there are."""

import asyncio
import secrets
from typing import Any, Final, get_args

import click
import msgspec

from ledger import settings
from ledger.cli.output import emit, json_option, progress
from ledger.cli.topic_changes import log_of, making_topics
from ledger.domain.identifiers import is_id, screen
from ledger.errors import Conflict, Rejected
from ledger.event_log import topics
from ledger.event_log.partitioner import PARTITIONER
from ledger.read_model import pool, sql

__all__ = ["ControllerInfo", "command", "create_controller", "list_controllers"]

LOG_ID_BYTES: Final = 16
_SIZES: Final = get_args(topics.Size)


class ControllerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A controller and the newest generation of its log, whose fields are None while it has none.

    ``is_copy``: the log was imported from an export; ``state`` is ``copying`` until that has come to its end.
    """

    id: int
    name: str
    size: str
    log_id: bytes | None
    generation: int | None
    partitions: int | None
    state: str | None
    is_copy: bool


@click.group("controllers")
def command() -> None:
    """Create the ledger of an organisation, and list those there are."""


@command.command("create")
@click.argument("name")
@click.option(
    "--size",
    type=click.Choice(_SIZES),
    default="medium",
    show_default=True,
    help="1, 6 or 24 partitions. Never changes: a person's partition follows from it.",
)
@json_option
def create(name: str, size: str, as_json: bool) -> None:
    """Create the ledger of the organisation NAME: its row, its log, its topics. Repeatable after any failure.

    \b
    Example: ledger controllers create klingit --size medium
    """
    loaded = settings.load(settings.OperatorSettings)
    bootstrap = settings.require(loaded, "kafka_bootstrap")
    dsn = settings.require(loaded, "postgres_dsn")
    progress(f"Making the log of {name}")
    made = asyncio.run(create_controller(name, size=size, bootstrap=bootstrap, dsn=dsn))
    emit(_shown(made), as_json=as_json, text=_line(made))


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the controllers, with the state of their logs.

    \b
    Example: ledger controllers list --json
    """
    dsn = settings.require(settings.load(settings.OperatorSettings), "postgres_dsn")
    found = asyncio.run(list_controllers(dsn))
    emit([_shown(each) for each in found], as_json=as_json, text="\n".join(map(_line, found)) or "no controllers")


async def create_controller(name: str, *, size: str, bootstrap: str, dsn: str) -> ControllerInfo:
    """The controller ``name`` with a log that is ready, made as far as it was not.

    Repeatable: a run that broke off between any two steps is finished by the next. Raises ``Rejected`` for a name
    that is no id, ``Conflict`` when it exists with another size, ``IntegrityViolation`` when a topic of its log is
    lost or foreign, ``Unavailable``.
    """
    _refuse_bad_name(name, size)
    async with making_topics(dsn) as connection:
        await _refuse_collision(connection, name)
        with pool.translated():
            await connection.execute(sql.load("controller_create"), name, size)
        controller = await _find(connection, name)
        if controller.size != size:
            raise Conflict("controller_size_differs", f"{name} exists with size {controller.size}.", controller=name)
        partitions = topics.PARTITIONS_BY_SIZE[size]
        with pool.translated():
            log_id = secrets.token_bytes(LOG_ID_BYTES)
            await connection.execute(sql.load("log_create"), log_id, controller.id, partitions, PARTITIONER)
        log = log_of(await _find(connection, name))
        topics.raise_refused(await topics.apply(bootstrap, [log]))
        with pool.translated():
            await connection.execute(sql.load("log_mark_ready"), log.log_id, log.generation)
        return await _find(connection, name)


async def list_controllers(dsn: str) -> tuple[ControllerInfo, ...]:
    """Every controller, by name."""
    connection = await pool.connect(dsn, application_name="ledger-cli")
    try:
        return await _read(connection)
    finally:
        await connection.close()


async def _read(connection: Any) -> tuple[ControllerInfo, ...]:
    with pool.translated():
        rows = await connection.fetch(sql.load("controller_list"))
    return tuple(ControllerInfo(**dict(row)) for row in rows)


async def _find(connection: Any, name: str) -> ControllerInfo:
    (found,) = [controller for controller in await _read(connection) if controller.name == name]
    return found


def _refuse_bad_name(name: str, size: str) -> None:
    found = screen(name)
    if found is not None:
        raise Rejected(found, field="name")
    if not is_id(name):
        raise Rejected("id_malformed", "The name must be an id: a-z, 0-9, _ . - and at most 64 characters.", field="name")
    if size not in topics.PARTITIONS_BY_SIZE:
        raise Rejected("usage", f"A size is one of {', '.join(_SIZES)}.", field="size")


async def _refuse_collision(connection: Any, name: str) -> None:
    """Kafka takes ``a.b`` and ``a_b`` for one name in its metrics and makes only the first of two such topics."""
    for other in await _read(connection):
        if other.name != name and other.name.replace(".", "_") == name.replace(".", "_"):
            raise Conflict("controller_name_collides", f"{name} is too near to {other.name}.", controller=name)


def _shown(controller: ControllerInfo) -> dict[str, Any]:
    shown = msgspec.structs.asdict(controller)
    shown["log_id"] = controller.log_id.hex() if controller.log_id else None
    return shown


def _line(controller: ControllerInfo) -> str:
    log = f"log {controller.log_id.hex()}" if controller.log_id else "no log"
    partitions = f"{controller.partitions or 0} partitions"
    return f"{controller.name}  {controller.size}  {partitions}  {log}  {controller.state or 'new'}"
