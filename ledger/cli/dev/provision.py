"""What a started Kafka and Postgres need before the ledger can run: tables, secrets, controllers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ledger import settings
from ledger.read_model import migrate, pool
from ledger.vault import secrets

__all__ = ["create_controllers", "make_secrets", "make_shared_topics", "make_tables"]

_SIZE: Final = "small"


async def make_tables(environment: Mapping[str, str]) -> None:
    """Apply the migrations that are missing."""
    await migrate.migrate(environment["LEDGER_POSTGRES_DSN"], environment["LEDGER_VAULT_DSN"])


async def make_secrets(environment: Mapping[str, str]) -> None:
    """Make the secret files that are missing, and compare their fingerprints with those the database knows."""
    files = [Path(environment[name]) for name in _SECRET_SETTINGS]
    secrets.init(files[0].parent)
    connection = await pool.connect(environment["LEDGER_POSTGRES_DSN"], application_name="ledger-dev")
    try:
        await secrets.verify_fingerprints(connection, secrets.load(*files))
    finally:
        await connection.close()


async def make_shared_topics(environment: Mapping[str, str]) -> None:
    """Make the topics that belong to no controller, which the workers need from their start on."""
    from ledger.event_log import topics

    topics.raise_refused(await topics.apply(environment["LEDGER_KAFKA_BOOTSTRAP"], ()))


async def create_controllers(environment: Mapping[str, str]) -> list[str]:
    """Make a controller for each catalogue of the checkout, and publish its first version; return what was made now.

    What exists is left as it is, a catalogue edited since included: publishing that is the developer's own act.
    """
    root = settings.checkout()
    if root is None:
        return []
    # Here, since they load the Kafka client, which the other `dev` commands do not need.
    from ledger.cli.catalogue import publish_catalogue
    from ledger.cli.controllers import create_controller, list_controllers
    from ledger.event_log.catalogue_log import published_versions

    bootstrap, dsn = environment["LEDGER_KAFKA_BOOTSTRAP"], environment["LEDGER_POSTGRES_DSN"]
    ready = {controller.name for controller in await list_controllers(dsn) if controller.state == "ready"}
    made = []
    for folder in sorted(path.parent for path in (root / "deploy" / "catalogues").glob("*/catalogue.toml")):
        name = folder.name
        if name not in ready:
            await create_controller(name, size=_SIZE, bootstrap=bootstrap, dsn=dsn)
            made.append(f"controller {name}")
        if not await published_versions(bootstrap, name):
            version = (await publish_catalogue(name, folder, bootstrap=bootstrap)).version
            made.append(f"version {version} of the catalogue of {name}")
    return made


_SECRET_SETTINGS: Final = tuple(f"LEDGER_{name.upper()}_FILE" for name in secrets.SECRET_FILES)
