"""``ledger list import``: lists of newsletter tools and shops, from a CSV file to the log."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ledger import settings
from ledger.audit.publishing import in_force
from ledger.cli.list_text import document, recorded_text, survey_text
from ledger.cli.output import emit, json_option, progress
from ledger.domain.catalogue import Catalogue, parse_document
from ledger.errors import LedgerError, Rejected
from ledger.event_log.catalogue_log import published_versions
from ledger.importing.answers import Each
from ledger.importing.columns import parse_map
from ledger.importing.job import Job, Progress, Report, carry_out
from ledger.importing.lists import Rules
from ledger.importing.opening import Services
from ledger.importing.plan import DEFAULT_SOURCE, parse_tag_purposes
from ledger.importing.statuses import parse_status_words
from ledger.importing.times import Order, TimeRules

__all__ = ["command"]

_STAGES: Final = {"survey": "Reading", "noes": "Unsubscribes", "yeses": "Grants", "done": "Grants"}
_SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@click.group("list")
def command() -> None:
    """Import lists of newsletter tools and shops."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--controller", required=True, help="Whose ledger.")
@click.option("--purpose", help="What the list is for, by its id.")
@click.option("--channel", help="By which means the list reaches people, by its id.")
@click.option("--notice", help="What people saw when they agreed, such as signup@1. Needed for grants.")
@click.option("--map", "maps", multiple=True, metavar="FIELD=COLUMN,...",
              help="email (or phone, account), opted_in_at, confirmed_at, unsubscribed_at, status, tags; guessed if left out.")  # fmt: skip
@click.option("--tag-purpose", "tags", multiple=True, metavar="TAG=PURPOSE",
              help="A purpose that lines with this tag agree to as well.")  # fmt: skip
@click.option("--status", "words", multiple=True, metavar="WORD=MEANING",
              help="What a word of the status column means: subscribed, unsubscribed or neither.")  # fmt: skip
@click.option("--each", type=click.Choice([each.value for each in Each]),
              help="What every line means that says neither yes nor no itself.")  # fmt: skip
@click.option("--dates", type=click.Choice([order.value for order in Order]),
              help="How times such as 03/04/2024 are meant; refused unless said.")  # fmt: skip
@click.option("--zone", help="The zone of times that name none, such as Europe/Stockholm; UTC if left out.")
@click.option("--times-exact", is_flag=True,
              help="You vouch for the unsubscribes' times: a grant after the stated time stands. Needs --zone.")  # fmt: skip
@click.option("--region", help="The country of phone numbers without a country code, such as SE.")
@click.option("--encoding", help="Such as utf-8 or cp1252; detected if left out.")
@click.option("--separator", type=click.Choice(list(_SEPARATORS)), help="Detected if left out.")
@click.option("--source", default=DEFAULT_SOURCE, show_default=True, help="Who is named as the events' source.")
@click.option("--state", type=click.Path(path_type=Path), help="Where the import's progress is kept; FILE.ledger-import if left out.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rejected lines go; FILE.rejected.csv if left out.")
@click.option("--restart", is_flag=True, help="Begin anew; what is recorded already counts once.")
@click.option("--wait", is_flag=True, help="Return when the fold worker has taken all of it.")
@click.option("--dry-run", is_flag=True, help="Show what would be recorded, and record nothing. Exits with 1 for findings.")
@click.option("--yes", is_flag=True, help="Record it.")
@json_option
def import_(dry_run: bool, yes: bool, as_json: bool, **given: Any) -> int:
    """Record the answers in FILE, a CSV file with a header: unsubscribes first, then grants.

    Never resubscribes anybody: a grant from a list stands only where the person has not said no, before or after.
    Shows first how the file is understood and what would be recorded. May be repeated: what is recorded counts once.

    \b
    Example: ledger list import members.csv --controller omilon --purpose om.newsletter --channel email
               --notice signup@1 --map "email=Email Address,opted_in_at=OPTIN_TIME,unsubscribed_at=UNSUB_TIME"
    """
    job, services = _job(**given), _services()
    asked = _Asking(dry_run=dry_run, yes=yes, as_json=as_json)
    with _progress_bar() as (told, last):
        asked.pause = told.pause
        try:
            report = asyncio.run(
                carry_out(job, services, _catalogue_of(services.bootstrap), agree=asked.agree, on_progress=told)
            )
        except (LedgerError, KeyboardInterrupt):
            _tell_what_stands(last)
            raise
    emit(document(report, dry_run=dry_run), as_json=as_json, text=recorded_text(report))
    if report.recorded is not None:
        return 0
    return asked.exit_code(report)


class _Asking:
    """Shows the survey, and finds out whether to go on."""

    def __init__(self, *, dry_run: bool, yes: bool, as_json: bool) -> None:
        self._dry_run = dry_run
        self._yes = yes
        self._as_json = as_json
        self.pause: Callable[[], None] = lambda: None

    def agree(self, report: Report) -> bool:
        self.pause()
        if not self._as_json:
            Console(stderr=not self._dry_run, highlight=False).print(survey_text(report), markup=False, soft_wrap=True)
        if self._dry_run or self._yes:
            return not self._dry_run
        if not sys.stdin.isatty() or self._as_json:
            progress("Nothing was recorded. Add --yes to record it, or --dry-run to look only.")
            return False
        return click.confirm("Record this?", err=True)

    def exit_code(self, report: Report) -> int:
        """1 where there is something to look at, or where a run was asked for and not confirmed."""
        return int(not self._dry_run or report.survey.has_findings)


def _job(
    *,
    file: Path,
    controller: str,
    purpose: str | None,
    channel: str | None,
    notice: str | None,
    maps: tuple[str, ...],
    tags: tuple[str, ...],
    words: tuple[str, ...],
    each: str | None,
    dates: str | None,
    zone: str | None,
    times_exact: bool,
    region: str | None,
    encoding: str | None,
    separator: str | None,
    source: str,
    state: Path | None,
    rejects: Path | None,
    restart: bool,
    wait: bool,
) -> Job:
    if times_exact and zone is None:
        raise Rejected("usage", "--times-exact needs --zone: a time without its zone is not exact.")
    rules = Rules(
        now_ms=time.time_ns() // 1_000_000,
        columns=parse_map(maps) if maps else None,
        encoding=encoding,
        separator=_SEPARATORS[separator] if separator else None,
        times=_time_rules(zone, dates),
        words=parse_status_words(words),
        each=Each(each) if each else None,
        region=region,
    )
    return Job(
        path=file,
        controller=controller,
        rules=rules,
        purpose=purpose,
        channel=channel,
        notice=notice,
        tag_purposes=parse_tag_purposes(tags),
        source=source,
        times_exact=times_exact,
        state=state or file.with_name(f"{file.name}.ledger-import"),
        rejects=rejects or file.with_name(f"{file.name}.rejected.csv"),
        restart=restart,
        wait=wait,
    )


def _time_rules(zone: str | None, dates: str | None) -> TimeRules:
    order = Order(dates) if dates else None
    if zone is None:
        return TimeRules(order=order)
    try:
        return TimeRules(zone=ZoneInfo(zone), order=order)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Rejected("usage", f"No zone is called {zone!r}; try Europe/Stockholm.") from error


def _services() -> Services:
    operator = settings.load(settings.OperatorSettings)
    return Services(
        bootstrap=settings.require(operator, "kafka_bootstrap"),
        dsn=settings.require(operator, "postgres_dsn"),
        vault_dsn=settings.require(operator, "vault_dsn"),
        secret_files=settings.secret_files(operator),
        cache_seconds=operator.subject_cache_seconds,
        append_seconds=operator.append_deadline_seconds,
    )


def _catalogue_of(bootstrap: str) -> Any:
    async def of(controller: str) -> Catalogue:
        standing = in_force(await published_versions(bootstrap, controller), time.time_ns() // 1_000_000)
        if standing is None:
            raise Rejected("catalogue_missing")
        return parse_document(standing.document)

    return of


def _tell_what_stands(last: list[Progress]) -> None:
    """Nothing half-done stays unsaid."""
    if last and (last[-1].stage != "survey"):
        so_far = last[-1]
        progress(
            f"Broken off. On the log so far: {so_far.unsubscribes:,} unsubscribes, {so_far.grants:,} grants. The same "
            "command goes on from there."
        )
    else:
        progress("This run recorded nothing.")


class _Told:
    """Moves the bar; called by the import now and then."""

    def __init__(self, bar: Bar, last: list[Progress]) -> None:
        self._bar = bar
        self._last = last
        self._task = bar.add_task(_STAGES["survey"], total=None, events="")

    def __call__(self, now: Progress) -> None:
        self._last[:] = [now]
        events = f"{now.unsubscribes:,} unsubscribes, {now.grants:,} grants" if now.stage != "survey" else ""
        self._bar.start()
        self._bar.update(
            self._task, description=_STAGES[now.stage], completed=now.done, total=now.total, events=events
        )

    def pause(self) -> None:
        self._bar.stop()


@contextmanager
def _progress_bar() -> Iterator[tuple[_Told, list[Progress]]]:
    """A bar on standard error, and the last that was told."""
    columns = (
        TextColumn("{task.description:12}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]}"),
        TimeRemainingColumn(),
    )
    last: list[Progress] = []
    with Bar(*columns, console=Console(stderr=True)) as bar:
        yield _Told(bar, last), last
