"""``ledger secrets``: make the pepper and the keys as files, and compare them by fingerprint."""

from pathlib import Path

import click

from ledger import settings
from ledger.cli.output import emit, json_option, progress
from ledger.vault import secrets

__all__ = ["command"]

_SETTING = {name: f"LEDGER_{name.upper()}_FILE" for name in secrets.SECRET_FILES}


@click.group("secrets")
def command() -> None:
    """Make the pepper and the keys, as files; show their fingerprints. The secrets themselves are never shown."""


@command.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Write the secrets that FOLDER lacks, readable by you alone. A file that is there is left as it is.

    \b
    Example: ledger secrets init /etc/ledger/secrets
    """
    files = secrets.init(folder)
    progress(
        "Back these files up apart from the database: without them nobody in the vault can be found again."
    )
    value = [
        {"name": file.name, "setting": _SETTING[file.name], "path": str(file.path), "created": file.created}
        for file in files
    ]
    lines = (f"{_SETTING[f.name]}={f.path}  {'created' if f.created else 'was there'}" for f in files)
    emit(value, as_json=as_json, text="\n".join(lines))


@command.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show the fingerprint of each secret in the files that the settings name.

    \b
    Example: ledger secrets show --json
    """
    operator = settings.load(settings.OperatorSettings)
    loaded = secrets.load(*settings.secret_files(operator))
    fingerprints = {name: value.hex() for name, value in loaded.fingerprints().items()}
    emit(
        fingerprints,
        as_json=as_json,
        text="\n".join(f"{name:<20} {value}" for name, value in fingerprints.items()),
    )
