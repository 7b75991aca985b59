"""``ledger requests``: a person asks to be erased; open it, follow it, prove it, put it off, refuse it."""

import asyncio
import secrets as random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ledger.cli.output import emit, json_option, progress
from ledger.cli.people import ask_for_person
from ledger.cli.request_access import RequestDesk, opened_desk
from ledger.cli.request_screen import request_line, request_screen
from ledger.domain.moments import moment_ms
from ledger.domain.request_terms import EXTENSION_REASONS, REFUSAL_REASONS, since_ms
from ledger.domain.rights_requests import OPEN_STATES, RequestState
from ledger.erasure.requests import RequestView
from ledger.errors import Rejected
from ledger.sdk.people import SubjectId, subject_id
from ledger.sdk.rights_requests import REQUEST_ID_BYTES, request_id_in

__all__ = ["command"]

WATCH_SECONDS: Final = 1.0
LISTED: Final = 200
CommandT = TypeVar("CommandT", bound=Callable[..., Any])
ResultT = TypeVar("ResultT")


def _dry_run_option(command: CommandT) -> CommandT:
    return click.option("--dry-run", is_flag=True, help="Check everything, show it, and write nothing.")(
        command
    )


@click.group("requests")
def command() -> None:
    """Open and follow people's requests to be erased (GDPR art. 17)."""


@command.command("erase")
@click.argument("controller")
@click.option(
    "--category", "categories", multiple=True, help="Only this category of data; may be given several times."
)
@click.option("--hold", "holds", multiple=True, metavar="HOLD=DATE",
              help="Since when a hold of the catalogue applies to this person, such as invoices=2026-03-01.")  # fmt: skip
@click.option(
    "--unproven", is_flag=True, help="The asker has not been shown to be the person: freezes nobody yet."
)
@click.option(
    "--request-id", "id_text", help="32 hexadecimal digits, to repeat a request; drawn unless given."
)
@click.option("--received", help="When the person asked, if not now (RFC 3339).")
@click.option(
    "--subject-id", "subject_text", help="The person's subject id in hex; without it the person is asked for."
)
@_dry_run_option
@json_option
def erase(
    controller: str,
    categories: tuple[str, ...],
    holds: tuple[str, ...],
    unproven: bool,
    id_text: str | None,
    received: str | None,
    subject_text: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Open a person's request to be erased from CONTROLLER's ledger and from every holder of its catalogue.

    The person is asked for on the terminal, unseen, or read from standard input: email:…, phone:…, account:… or
    subject:…. The reactions worker carries the request out; `ledger requests show` tells how far it has come.

    \b
    Example: ledger requests erase klingit --hold invoices=2026-03-01
    """
    request_id = random.token_bytes(REQUEST_ID_BYTES) if id_text is None else request_id_in(id_text)
    stated = dict(_hold(text) for text in holds)
    received_ms = _now_ms() if received is None else moment_ms(received, "received")
    person = subject_id(subject_text) if subject_text is not None else ask_for_person()
    who = person.value if isinstance(person, SubjectId) else person
    if dry_run:
        plan = _at_desk(controller, lambda desk: desk.plan(who, categories, stated, received_ms))
        emit(plan, as_json=as_json, text=plan.words())
        return
    opened = _at_desk(
        controller,
        lambda desk: desk.open(request_id, who, categories, stated, received_ms, proven=not unproven),
    )
    progress(f"Opened. `ledger requests show {controller} {opened.request_id} --watch` follows it.")
    _emit_request(opened, as_json=as_json)


@command.command("list")
@click.argument("controller")
@click.option(
    "--state", type=click.Choice([state.value for state in RequestState]), help="Only those in this state."
)
@click.option(
    "--overdue", is_flag=True, help="Only those of which a date has passed. Exits with 1 if there are any."
)
@json_option
def list_(controller: str, state: str | None, overdue: bool, as_json: bool) -> int:
    """List CONTROLLER's requests, newest first, at most 200.

    \b
    Example: ledger requests list klingit --overdue
    """
    found = _at_desk(controller, lambda desk: desk.listed(state, True if overdue else None, LISTED))
    emit(found, as_json=as_json, text="\n".join(map(request_line, found)) or "no requests")
    return 1 if overdue and found else 0


@command.command("show")
@click.argument("controller")
@click.argument("request_id")
@click.option("--watch", is_flag=True, help="Follow it until it is complete or refused.")
@json_option
def show(controller: str, request_id: str, watch: bool, as_json: bool) -> int:
    """Show one request: its steps, who is silent, what is kept until when, what happens next. Exits with 1 if overdue.

    \b
    Example: ledger requests show klingit 7948da172e72313e4204ca67e68148b5 --watch
    """
    wanted = request_id_in(request_id)
    found = _at_desk(controller, lambda desk: _watched(desk, wanted) if watch else desk.show(wanted))
    _emit_request(found, as_json=as_json)
    return 1 if found.overdue else 0


@command.command("prove")
@click.argument("controller")
@click.argument("request_id")
@_dry_run_option
@json_option
def prove(controller: str, request_id: str, dry_run: bool, as_json: bool) -> None:
    """Say that the asker was shown to be the person (GDPR art. 12(6)): an unproven request is carried out.

    \b
    Example: ledger requests prove klingit 7948da172e72313e4204ca67e68148b5
    """
    wanted = request_id_in(request_id)
    _emit_request(
        _at_desk(controller, lambda desk: desk.show(wanted) if dry_run else desk.prove(wanted, _now_ms())),
        as_json=as_json,
    )


@command.command("extend")
@click.argument("controller")
@click.argument("request_id")
@click.option(
    "--reason", required=True, type=click.Choice(list(EXTENSION_REASONS)), help="Why it takes longer."
)
@_dry_run_option
@json_option
def extend(controller: str, request_id: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Take two further months to answer, once (GDPR art. 12(3)). Tell the person within the first month.

    \b
    Example: ledger requests extend klingit 7948da172e72313e4204ca67e68148b5 --reason complex
    """
    wanted = request_id_in(request_id)
    _emit_request(
        _at_desk(
            controller,
            lambda desk: desk.show(wanted) if dry_run else desk.extend(wanted, reason, _now_ms()),
        ),
        as_json=as_json,
    )


@command.command("refuse")
@click.argument("controller")
@click.argument("request_id")
@click.option(
    "--reason", required=True, type=click.Choice(list(REFUSAL_REASONS)), help="Why it is not followed."
)
@_dry_run_option
@json_option
def refuse(controller: str, request_id: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Refuse a request, as long as nothing was blocked for it. Tell the person why (GDPR art. 12(4)).

    \b
    Example: ledger requests refuse klingit 7948da172e72313e4204ca67e68148b5 --reason not_the_person
    """
    wanted = request_id_in(request_id)
    _emit_request(
        _at_desk(
            controller,
            lambda desk: desk.show(wanted) if dry_run else desk.refuse(wanted, reason, _now_ms()),
        ),
        as_json=as_json,
    )


async def _watched(desk: RequestDesk, request_id: bytes) -> RequestView:
    """The request once it is closed; until then shown on standard error whenever it changes."""
    console = Console(stderr=True)
    found = await desk.show(request_id)
    with Live(Text(_screen(found)), console=console, auto_refresh=False, transient=True) as live:
        while RequestState(found.state) in OPEN_STATES:
            if not console.is_terminal:
                progress(f"{found.state}" + (f", waits for {found.waits_for}" if found.waits_for else ""))
            before = found
            while found == before and RequestState(found.state) in OPEN_STATES:
                await asyncio.sleep(WATCH_SECONDS)
                found = await desk.show(request_id)
            live.update(Text(_screen(found)), refresh=True)
    return found


def _at_desk(controller: str, work: Callable[[RequestDesk], Awaitable[ResultT]]) -> ResultT:
    async def run() -> ResultT:
        async with opened_desk(controller) as desk:
            return await work(desk)

    return asyncio.run(run())


def _hold(text: str) -> tuple[str, int]:
    name, equals, since = text.partition("=")
    if not equals:
        raise Rejected("usage", "A hold is given as HOLD=DATE, such as invoices=2026-03-01.", field="hold")
    return name.strip(), since_ms(since.strip(), "hold")


def _emit_request(view: RequestView, *, as_json: bool) -> None:
    emit(view, as_json=as_json, text=_screen(view))
    sys.stdout.flush()


def _screen(view: RequestView) -> str:
    return request_screen(view, datetime.now(UTC))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
