"""How every command speaks: data on standard output, progress on standard error, ``--json`` everywhere."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

__all__ = ["emit", "json_option", "progress"]

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def json_option(command: CommandT) -> CommandT:
    """Add ``--json``; the command gets it as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def emit(value: object, *, as_json: bool, text: str | None = None) -> None:
    """Print the command's result: ``value`` as one JSON document, or ``text`` for a reader."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    elif text:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    """Tell what is being done, on standard error, so that standard output stays data."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
