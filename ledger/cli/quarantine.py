"""``ledger quarantine list|show|admit|discard``: records that could not be applied, and what becomes of them."""

import asyncio
from typing import Any, Final

import click

from ledger import settings
from ledger.audit.quarantine import Coordinates, EntryLine, Found, Resolved, find, listed, resolve
from ledger.cli.output import emit, json_option, progress
from ledger.domain.events import SubjectEvent
from ledger.domain.identifiers import is_id, screen
from ledger.domain.moments import moment_text
from ledger.errors import ERROR_CODES

__all__ = ["command", "described"]

NOT_SHOWN: Final = "(not shown)"

_author_option = click.option("--author", required=True, help="Who decides, as an id: nora, privacy-team.")
_reason_option = click.option("--reason", required=True, help="Why, as an id: ticket-4711, producer-mended.")
_dry_run_option = click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")


@click.group("quarantine")
def command() -> None:
    """Records that could not be applied: list them, look at one, let it count or lay it aside for good.

    While an entry is open, everything is denied to the person it is about. COORDINATES are
    <controller>/<lane>/<partition>/<offset>, as the list shows them.
    """


@command.command("list")
@click.option("--controller", help="Only this controller's.")
@click.option(
    "--state",
    type=click.Choice(["open", "admitted", "discarded", "any"]),
    default="open",
    show_default=True,
    help="Only entries in this state.",
)
@json_option
def list_(controller: str | None, state: str, as_json: bool) -> None:
    """List the entries, oldest first.

    \b
    Example: ledger quarantine list --controller omilon
    """
    _, dsn = _addresses()
    total, lines = asyncio.run(listed(dsn, controller, None if state == "any" else state))
    if total > len(lines):
        progress(f"{total - len(lines):,} more; these are the oldest.")
    none = "no entries" if state == "any" else f"no entry is {state}"
    emit({"total": total, "entries": lines}, as_json=as_json, text=_table(lines) if lines else none)


@command.command("show")
@click.argument("coordinates")
@json_option
def show(coordinates: str, as_json: bool) -> None:
    """Show one entry: what the record is, why it is in doubt, and what to do. No value of the record that might name
    a person is shown.

    \b
    Example: ledger quarantine show omilon/live/3/1042
    """
    found = asyncio.run(find(*_addresses(), Coordinates.parse(coordinates)))
    document = described(found)
    width = max(len(name) for name in document)
    text = "\n".join(
        f"{name.replace('_', ' '):<{width}}  {'-' if value is None else value}"
        for name, value in document.items()
    )
    emit(document, as_json=as_json, text=text)


@command.command("admit")
@click.argument("coordinates")
@_reason_option
@_author_option
@_dry_run_option
@json_option
def admit(coordinates: str, reason: str, author: str, dry_run: bool, as_json: bool) -> int:
    """Let a record count after all, at the place in the log's time where it always stood.

    Refused for a record that still cannot be applied: admitting it would change nothing.

    \b
    Example: ledger quarantine admit omilon/live/3/1042 --reason ticket-4711 --author nora
    """
    return _decide(coordinates, True, reason, author, dry_run, as_json)


@command.command("discard")
@click.argument("coordinates")
@_reason_option
@_author_option
@_dry_run_option
@json_option
def discard(coordinates: str, reason: str, author: str, dry_run: bool, as_json: bool) -> int:
    """Lay a record aside for good: it never counts, and its person is no longer denied because of it.

    Ask first whether it may be a withdrawal. If so, record the withdrawal anew before you discard.

    \b
    Example: ledger quarantine discard omilon/live/3/1042 --reason producer-mended --author nora
    """
    return _decide(coordinates, False, reason, author, dry_run, as_json)


def described(found: Found) -> dict[str, Any]:
    """Everything about an entry that is safe to show, in the order in which one reads it."""
    entry = found.entry
    return {
        "coordinates": str(found.coordinates),
        "state": entry.state,
        "reason": entry.reason,
        "meaning": ERROR_CODES[entry.reason].meaning,
        "recorded_at": moment_text(entry.broker_ms),
        "subject_id": entry.subject_id.hex() if entry.subject_id is not None else None,
        "bytes": len(found.record.value or b"") if found.record is not None else None,
        **_event_shown(found.event),
        "can_be_admitted": found.is_open and found.still is None,
        "what_to_do": _what_to_do(found),
    }


def _event_shown(event: SubjectEvent | None) -> dict[str, Any]:
    if event is None:
        return {"event_type": None}
    envelope, scope = event.envelope, getattr(event, "scope", None)
    said = {} if scope is None else {name: getattr(scope, name) for name in scope.__struct_fields__}
    shown = {name: _safe(text) for name, text in said.items() if text is not None}
    return {
        "event_type": type(event).__name__,
        "source": _safe(envelope.source),
        "voice": envelope.voice.value,
        "capture": envelope.capture.value,
        "scope": ", ".join(f"{name} {text}" for name, text in shown.items()) or None,
    }


def _safe(text: str) -> str:
    """An id as it is; anything else might be an address that a producer put where an id belongs."""
    return text if is_id(text) and screen(text) is None else NOT_SHOWN


def _what_to_do(found: Found) -> str:
    if not found.is_open:
        return "Nothing: this is settled."
    if found.still is None:
        return (
            f"{ERROR_CODES[found.entry.reason].what_to_do} It can be applied now: `ledger quarantine admit` lets it "
            "count at its old place, `discard` lays it aside for good."
        )
    advice = f"It cannot be applied ({found.still}): {ERROR_CODES[found.still].what_to_do}"
    if found.entry.subject_id is None:
        return f"{advice} Nobody is denied by it. Once you know whose act it was, record that anew and `discard` this."
    return (
        f"{advice} If it may have been a no, record that no anew for the person; then `ledger quarantine discard` "
        "ends the denial."
    )


def _decide(coordinates: str, admits: bool, reason: str, author: str, dry_run: bool, as_json: bool) -> int:
    bootstrap, dsn = _addresses()
    parsed = Coordinates.parse(coordinates)
    if not dry_run:
        progress(f"{'Admitting' if admits else 'Discarding'} {parsed}, and waiting until that is folded")

    async def run() -> Resolved:
        found = await find(bootstrap, dsn, parsed)
        return await resolve(
            bootstrap, dsn, found, admit=admits, author=author, reason=reason, dry_run=dry_run
        )

    resolved = asyncio.run(run())
    emit(resolved, as_json=as_json, text=_outcome(resolved))
    return 0 if resolved.dry_run or resolved.state != "open" else 1


def _outcome(resolved: Resolved) -> str:
    if resolved.dry_run:
        ended = "admitted" if resolved.decision == "admit" else "discarded"
        return f"{resolved.coordinates} would be {ended}; nothing was written"
    if resolved.state == "open":
        return (
            f"{resolved.coordinates} is still open: the fold could not apply it (its log says why, "
            f"record_not_admitted). The event is at {resolved.event_at}"
        )
    return f"{resolved.coordinates} is {resolved.state}, by the event at {resolved.event_at}"


def _table(lines: list[EntryLine]) -> str:
    rows = [("coordinates", "reason", "state", "recorded", "")]
    rows += [
        (
            line.coordinates,
            line.reason,
            line.state,
            moment_text(line.recorded_ms),
            "denies its person" if line.denies else "",
        )
        for line in lines
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _addresses() -> tuple[str, str]:
    loaded = settings.load(settings.OperatorSettings)
    return settings.require(loaded, "kafka_bootstrap"), settings.require(loaded, "postgres_dsn")
