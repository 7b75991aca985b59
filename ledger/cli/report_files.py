"""Pages as files: written whole or not at all, and readable by their owner alone, since they may tell of people."""

import os
import tempfile
from pathlib import Path
from typing import Final

import click

from ledger.errors import Rejected

__all__ = ["PAGE", "language_option", "write_page"]

PAGE: Final = click.Path(dir_okay=False, path_type=Path)
language_option: Final = click.option(
    "--language",
    type=click.Choice(["sv", "en"]),
    default="sv",
    show_default=True,
    help="The language of the page.",
)


def write_page(path: Path, page: str) -> int:
    """Puts ``page`` at ``path``, in the place of what was there; durable on return. The bytes written.

    Raises ``Rejected(file_not_writable)``. A page that cannot be written leaves what was there as it was.
    """
    data = page.encode()
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _not_writable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _not_writable(path, error) from error
    return len(data)


def _not_writable(path: Path, error: OSError) -> Rejected:
    return Rejected(
        "file_not_writable", f"{path} cannot be written: {error.strerror or type(error).__name__}."
    )
