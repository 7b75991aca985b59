"""``ledger settings``: every setting, its value with secrets masked, and where the value came from."""

import click

from ledger import settings
from ledger.cli.output import emit, json_option

__all__ = ["command"]


@click.command("settings")
@json_option
def command(as_json: bool) -> None:
    """Show every setting, its value (secrets masked), and where it came from."""
    lines = settings.describe()
    width = max(len(line.name) for line in lines)
    text = "\n".join(
        f"{line.name:<{width}}  {'-' if line.value is None else line.value}  ({line.source})\n"
        f"{'':<{width}}  {line.meaning}"
        for line in lines
    )
    emit(lines, as_json=as_json, text=text)
