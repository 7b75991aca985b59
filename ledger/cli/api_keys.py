"""``ledger api-keys``: create, list and revoke the keys by which services call the API."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from ledger import settings
from ledger.api import keys
from ledger.cli.output import emit, json_option, progress
from ledger.read_model import pool

__all__ = ["command"]

ResultT = TypeVar("ResultT")


@click.group("api-keys")
def command() -> None:
    """Create, list and revoke API keys. A key is shown once and stored hashed."""


@command.command("create")
@click.option("--controller", required=True, help="The controller whose ledger the key opens.")
@click.option(
    "--source", required=True, help="The service that will hold the key; stands in every event it records."
)
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice([scope.value for scope in keys.ScopeName]),
    help="What the key may do; give it once per scope.",
)
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="Left out: until it is revoked.")
@json_option
def create(
    controller: str, source: str, scopes: tuple[str, ...], expires_in_days: int | None, as_json: bool
) -> None:
    """Create a key and print it, for the only time.

    \b
    Example: ledger api-keys create --controller klingit --source shop --scope record --scope ask
    """
    expires = datetime.now(UTC) + timedelta(days=expires_in_days) if expires_in_days else None
    key = _with_connection(
        lambda connection: keys.create(
            connection, controller=controller, source=source, scopes=scopes, expires=expires
        )
    )
    progress("Keep this key in a file of its own (LEDGER_API_KEY_FILE); it is not shown again.")
    shown = {"api_key": key, "prefix": keys.parse(key).prefix, "controller": controller, "source": source,
             "scopes": sorted(set(scopes)), "expires": expires}  # fmt: skip
    emit(shown, as_json=as_json, text=key)


@command.command("list")
@click.option("--controller", help="Only this controller's keys.")
@json_option
def list_(controller: str | None, as_json: bool) -> None:
    """List the keys by prefix, revoked and expired ones included.

    \b
    Example: ledger api-keys list --controller klingit
    """
    found = _with_connection(lambda connection: keys.list_keys(connection, controller))
    emit(found, as_json=as_json, text="\n".join(map(_line, found)) or "no keys")


@command.command("revoke")
@click.argument("prefix")
@json_option
def revoke(prefix: str, as_json: bool) -> None:
    """Revoke the key with this PREFIX. It stays in the list.

    \b
    Example: ledger api-keys revoke k3v9x2ab
    """
    when = _with_connection(lambda connection: keys.revoke(connection, prefix))
    emit(
        {"prefix": prefix, "revoked": when},
        as_json=as_json,
        text=f"{prefix} revoked {when:%Y-%m-%d %H:%M} UTC",
    )


def _line(key: keys.ApiKey) -> str:
    if key.revoked is not None:
        state = f"revoked {key.revoked:%Y-%m-%d}"
    elif key.expires is not None:
        state = f"expires {key.expires:%Y-%m-%d}"
    else:
        state = "no expiry"
    return f"{key.prefix}  {key.controller}  {key.source}  {','.join(key.scopes)}  {state}"


def _with_connection(work: Callable[[Any], Awaitable[ResultT]]) -> ResultT:
    dsn = settings.require(settings.load(settings.OperatorSettings), "postgres_dsn")

    async def connected() -> ResultT:
        connection = await pool.connect(dsn, application_name="ledger-cli")
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())
