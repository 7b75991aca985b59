"""``ledger holders``: make a holder's keys, register them, and say who of the catalogue still has none."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from ledger import settings
from ledger.audit.publishing import in_force
from ledger.cli.output import emit, json_option, progress
from ledger.domain.catalogue import Catalogue, Holder, parse_document
from ledger.erasure import holders, orders
from ledger.errors import Rejected
from ledger.event_log.catalogue_log import published_versions
from ledger.event_log.compacted_topic import compacted
from ledger.order_security import verify_key_of
from ledger.read_model import pool, sql
from ledger.sdk.holder_keys import HolderKeys, PublicKeys, order_key_text
from ledger.vault import secrets

__all__ = ["command", "register_holder"]

FILE: Final = click.Path(dir_okay=False, path_type=Path)
ResultT = TypeVar("ResultT")


@click.group("holders")
def command() -> None:
    """Make and register the keys of the systems that hold personal data, which erasures are sent to."""


@command.command("keys")
@click.option("--name", required=True, help="The holder's id in the catalogue.")
@click.option(
    "--out", required=True, type=FILE, help="The new file for the private keys; stays with the holder."
)
@json_option
def keys(name: str, out: Path, as_json: bool) -> None:
    """Make a holder's keys: the private ones into a file that you alone may read, the public ones to standard output.

    \b
    Example: ledger holders keys --name crm --out holder-keys.json > crm-public.json
    """
    made = HolderKeys.make(name)
    made.write(out)
    progress(f"The private keys are in {out}; send the public ones, below, to the ledger's operator.")
    # One form for both: what is printed is the file that `register` reads.
    emit(made.public, as_json=True)


@command.command("order-key")
@json_option
def order_key(as_json: bool) -> None:
    """Print the ledger's public order key, by which holders know an order to be the ledger's.

    \b
    Example: ledger holders order-key > ledger-order-key.pub
    """
    loaded = secrets.load(*settings.secret_files(settings.load(settings.OperatorSettings)))
    text = order_key_text(verify_key_of(loaded.order_signing_key))
    emit({"order_key": text}, as_json=as_json, text=text)


@command.command("register")
@click.argument("controller")
@click.argument("name")
@click.option("--public", "public", required=True, type=FILE, help="The file with the holder's public keys.")
@click.option("--dry-run", is_flag=True, help="Check everything, and register nothing.")
@json_option
def register(controller: str, name: str, public: Path, dry_run: bool, as_json: bool) -> None:
    """Register the keys of the holder NAME, which CONTROLLER's catalogue in force names. Earlier keys are revoked.

    \b
    Example: ledger holders register klingit crm --public crm-public.json
    """
    operator = settings.load(settings.OperatorSettings)
    is_new = asyncio.run(
        register_holder(
            controller,
            name,
            PublicKeys.load(public),
            bootstrap=settings.require(operator, "kafka_bootstrap"),
            dsn=settings.require(operator, "postgres_dsn"),
            vault_dsn=settings.require(operator, "vault_dsn"),
            dry_run=dry_run,
        )
    )
    done = "would be registered" if dry_run else "is registered" if is_new else "was registered already"
    shown = {"controller": controller, "holder": name, "registered": is_new and not dry_run}
    emit(shown, as_json=as_json, text=f"{name} {done} for {controller}")


@command.command("list")
@click.argument("controller")
@json_option
def list_(controller: str, as_json: bool) -> int:
    """List the holders of CONTROLLER's catalogue and their keys. Exits with 1 if one that gets orders has none.

    \b
    Example: ledger holders list klingit
    """
    operator = settings.load(settings.OperatorSettings)
    catalogue = asyncio.run(_catalogue(settings.require(operator, "kafka_bootstrap"), controller))
    found = _connected("postgres_dsn", lambda connection: holders.registrations(connection, controller))
    in_use = {one.name: one for one in found if one.revoked_at is None}
    declared = catalogue.holders if catalogue is not None else {}
    missing = [name for name, holder in declared.items() if _gets_orders(holder) and name not in in_use]
    shown = [_shown(name, declared.get(name), in_use.get(name)) for name in sorted(declared | in_use)]
    emit(shown, as_json=as_json, text="\n".join(map(_line, shown)) or "no holders")
    return 1 if missing else 0


@command.command("revoke")
@click.argument("controller")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would be revoked, and revoke nothing.")
@json_option
def revoke(controller: str, name: str, dry_run: bool, as_json: bool) -> None:
    """Take the keys of the holder NAME out of use: its acknowledgements are refused from then on.

    \b
    Example: ledger holders revoke klingit crm
    """
    if not dry_run:
        _connected("postgres_dsn", lambda connection: holders.revoke(connection, controller, name))
    text = f"{name} of {controller} {'would have' if dry_run else 'has'} no keys in use"
    emit({"controller": controller, "holder": name, "revoked": not dry_run}, as_json=as_json, text=text)


@command.command("order-again")
@click.argument("controller")
@click.argument("order_id")
@json_option
def order_again(controller: str, order_id: str, as_json: bool) -> None:
    """Give a holder an order anew that it has refused, or that is not verified as the catalogue demands.

    ORDER_ID is in `ledger requests show`. The holder acts and answers again.

    \b
    Example: ledger holders order-again klingit 0e8f5c6a4b0d4b7e9a55f0c1d2e3f405
    """
    try:
        wanted = bytes.fromhex(order_id)
    except ValueError as error:
        raise Rejected("order_unknown", f"{order_id} is no order id.") from error

    async def number(connection: Any) -> int:
        # Its list is not shown: it says that there is such a controller, or raises.
        await holders.registrations(connection, controller)
        return int(await connection.fetchval(sql.load("controller_id"), controller))

    controller_id = _connected("postgres_dsn", number)
    asyncio.run(_give_anew(controller_id, wanted))
    emit({"order_id": order_id}, as_json=as_json, text=f"order {order_id} is sent again")


async def register_holder(
    controller: str,
    name: str,
    public: PublicKeys,
    *,
    bootstrap: str,
    dsn: str,
    vault_dsn: str,
    dry_run: bool = False,
) -> bool:
    """Puts a holder's keys into use, and has its open orders sealed to them at once; False if they were in use.

    A holder that the catalogue in force does not name is refused, ``Rejected(holder_unknown)``; and so is one whose
    topic cannot forget: ``ConfigurationError(topic_not_compacted)``, ``NotFound(topic_unknown)``.
    """
    catalogue = await _catalogue(bootstrap, controller)
    holder = catalogue.holders.get(name) if catalogue is not None else None
    if holder is None or public.name != name:
        raise Rejected("holder_unknown", holder=name)
    if holder.topic is not None:
        await compacted(bootstrap, holder.topic)
    if dry_run:
        return True
    given = holders.HolderKeys(public.sealing_key, public.signing_key)
    connection = await pool.connect(dsn, application_name="ledger-cli")
    try:
        is_new = await holders.register(connection, controller, name, given)
        controller_id = await connection.fetchval(sql.load("controller_id"), controller)
    finally:
        await connection.close()
    vault = await pool.connect(vault_dsn, application_name="ledger-cli")
    try:
        await orders.send_now(vault, controller_id, name)
    finally:
        await vault.close()
    return is_new


async def _catalogue(bootstrap: str, controller: str) -> Catalogue | None:
    standing = in_force(await published_versions(bootstrap, controller), time.time_ns() // 1_000_000)
    return parse_document(standing.document) if standing is not None else None


async def _give_anew(controller_id: int, order_id: bytes) -> None:
    dsn = settings.require(settings.load(settings.OperatorSettings), "vault_dsn")
    vault = await pool.create_pool(dsn, application_name="ledger-cli", size=1)
    try:
        await orders.give_anew(vault, controller_id, order_id, time.time_ns() // 1_000_000)
    finally:
        await vault.close()


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A holder as it is listed."""

    holder: str
    kind: str | None
    method: str | None
    deadline_days: int | None
    verification: int | None
    topic: str | None
    registered: str | None
    gets_orders: bool


def _shown(name: str, holder: Holder | None, registered: holders.Registration | None) -> _Shown:
    return _Shown(
        holder=name,
        kind=None if holder is None else holder.kind,
        method=None if holder is None else holder.method,
        deadline_days=None if holder is None else holder.deadline_days,
        verification=None if holder is None else holder.verification,
        topic=None if holder is None else holder.topic,
        registered=None if registered is None else f"{registered.registered_at:%Y-%m-%dT%H:%M:%SZ}",
        gets_orders=holder is not None and _gets_orders(holder),
    )


def _line(one: _Shown) -> str:
    if one.method is None:
        return f"{one.holder:<20} not in the catalogue in force; registered {one.registered}"
    keys_state = f"registered {one.registered}" if one.registered else "NOT REGISTERED"
    state = keys_state if one.gets_orders else "the ledger writes its tombstones"
    return (
        f"{one.holder:<20} {one.kind}, {one.method}, {one.deadline_days} days, V{one.verification}  {state}"
    )


def _gets_orders(holder: Holder) -> bool:
    return holder.method != "tombstone"


def _connected(field: str, work: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
    dsn = settings.require(settings.load(settings.OperatorSettings), field)

    async def connected() -> ResultT:
        connection = await pool.connect(dsn, application_name="ledger-cli")
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())
